/** Keeps the cost of all scraping together within its share of a core, by stretching the interval. */
export interface Governor {
  /** A scrape of a page of so many bytes has kept the process busy for so long, in ms. */
  spent(busyMs: number, bytes: number): void;
  /** Time between two scrapes of an endpoint, in ms. */
  intervalMs(): number;
}

export interface GovernorOptions {
  /** The interval while there is time enough, in ms. */
  readonly wantedMs: number;
  /** Never longer than this, in ms: metrics must not grow stale for want of a scrape. */
  readonly longestMs: number;
  /** Share of one core, 0 to 1. */
  readonly maxShare: number;
  readonly endpoints: number;
}

const newestWeight = 0.02;
/**
 * What a scrape costs besides the callbacks that are measured: system calls, the HTTP parser, the event loop, in ms.
 * `npm run bench:scrape` prints what the process really takes.
 */
const unmeasuredMs = 0.06;
const unmeasuredMsPerByte = 1.4e-6;

export function createGovernor(options: GovernorOptions): Governor {
  const { wantedMs, longestMs, maxShare, endpoints } = options;
  let costMs = unmeasuredMs;
  return {
    spent(busyMs, bytes) {
      const spentMs = busyMs + unmeasuredMs + unmeasuredMsPerByte * bytes;
      costMs += newestWeight * (spentMs - costMs);
    },
    intervalMs() {
      const neededMs = (endpoints * costMs) / maxShare;
      return Math.max(wantedMs, Math.min(neededMs, longestMs));
    },
  };
}
