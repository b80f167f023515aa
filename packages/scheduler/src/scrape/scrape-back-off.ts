/** How long one endpoint is left alone after a scrape. */
export interface BackOff {
  /** From the beginning of a scrape that is just over to that of the next one, in ms. `code`: why it failed; undefined: it worked. */
  after(code: string | undefined): number;
}

export interface BackOffOptions {
  /** Time between two scrapes that work, in ms. */
  readonly intervalMs: () => number;
  /** An endpoint that fails is asked at least this often, in ms. */
  readonly mostMs: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** A page that takes too long costs every pick, and its endpoint alone pays for it. */
const mostComplexMs = 30_000;
const maxDoublings = 10;

export function createBackOff({ intervalMs, mostMs, random }: BackOffOptions): BackOff {
  let failures = 0;
  /** Some page was too complex since the newest scrape that worked. */
  let isComplex = false;

  return {
    after(code) {
      failures = code === undefined ? 0 : failures + 1;
      isComplex = code !== undefined && (isComplex || code === "too_complex");
      const wantedMs = intervalMs();
      const doubledMs = wantedMs * 2 ** Math.min(failures, maxDoublings);
      const backOffMs = Math.min(doubledMs, Math.max(isComplex ? mostComplexMs : mostMs, wantedMs));
      // Jitter keeps the scrapes of many endpoints from falling together.
      return backOffMs * (0.9 + 0.2 * random());
    },
  };
}
