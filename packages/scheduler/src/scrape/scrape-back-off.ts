/** Decides how long to wait after a scrape of one endpoint. */
export interface BackOff {
  /**
   * Returns the time from the start of the last scrape to the start of the next, in ms. `code` is why it failed;
   * undefined if it succeeded.
   */
  after(code: string | undefined): number;
}

export interface BackOffOptions {
  /** Time between two successful scrapes, in ms. */
  readonly intervalMs: () => number;
  /** Longest interval after failures, in ms. */
  readonly maxMs: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** Longest interval for pages that are too complex, in ms: reading them delays every pick. */
const maxComplexMs = 30_000;
const maxDoublings = 10;

export function createBackOff({ intervalMs, maxMs, random }: BackOffOptions): BackOff {
  let failures = 0;
  /** Whether a page was too complex since the newest successful scrape. */
  let isComplex = false;

  return {
    after(code) {
      failures = code === undefined ? 0 : failures + 1;
      isComplex = code !== undefined && (isComplex || code === "too_complex");
      const wantedMs = intervalMs();
      const doubledMs = wantedMs * 2 ** Math.min(failures, maxDoublings);
      const backOffMs = Math.min(doubledMs, Math.max(isComplex ? maxComplexMs : maxMs, wantedMs));
      // Jitter keeps the scrapes of many endpoints apart.
      return backOffMs * (0.9 + 0.2 * random());
    },
  };
}
