/**
 * Keeps the total cost of scraping within a share of a core, by stretching intervals. An endpoint that costs no more
 * than an equal part of the share is never stretched.
 */
export interface Governor {
  /** Adds an endpoint. */
  add(): EndpointShare;
  /** The mean time between two scrapes of an endpoint, in ms. */
  intervalMs(): number;
}

/** The share of one endpoint. */
export interface EndpointShare {
  /** Records the size of a scraped page and the time it took in this process, in ms. */
  spent(busyMs: number, bytes: number): void;
  /** Time between two scrapes of the endpoint, in ms. */
  intervalMs(): number;
  /** The endpoint is no longer scraped: the others divide its part. */
  remove(): void;
}

export interface GovernorOptions {
  /** The interval if there is enough time, in ms. */
  readonly wantedMs: number;
  /**
   * Maximum interval, in ms, so that metrics don't become stale. Exception: pages that cost far more than those of the
   * other endpoints.
   */
  readonly longestMs: number;
  /** Share of one core, 0 to 1. */
  readonly maxShare: number;
}

const newestWeight = 0.1;
/** Maximum time counted for one reading, in ms: the process may have waited for a core. */
const mostMs = 20;
/**
 * Estimated cost of a scrape outside the measured callbacks, in ms: system calls, HTTP parser, event loop. `npm run
 * bench:scrape` prints the real cost.
 */
const unmeasuredMs = 0.06;
const unmeasuredMsPerByte = 1.4e-6;
/** Maximum share of a core for one endpoint, because its pages delay picks. */
const maxEndpointShare = 0.01;
/** Multiple of the median cost above which a page is costly. Metrics of costly pages may become stale. */
const costlyFactor = 4;
/** Pages below this cost, in ms, are never costly. Ten times the cost of a page with 500 adapters. */
const costlyMs = 4;
const longestCostlyMs = 30_000;
/** Maximum rounds to divide the share fairly. Each round settles the endpoints that need less than an equal part of the rest. */
const rounds = 8;

export function createGovernor(options: GovernorOptions): Governor {
  const { wantedMs, longestMs, maxShare } = options;
  const shares = new Set<CostOfScrape>();
  let fairShare = maxShare;
  let costlyFromMs = Number.POSITIVE_INFINITY;
  let untilDivided = 0;

  function divide(): void {
    let needy = costsOf(shares);
    let left = maxShare;
    for (let round = 0; round < rounds && needy.length > 0; round++) {
      fairShare = left / needy.length;
      const more = needy.filter((costMs) => costMs / wantedMs > fairShare);
      if (more.length === needy.length) return;
      for (const costMs of needy) if (costMs / wantedMs <= fairShare) left -= costMs / wantedMs;
      needy = more;
    }
    if (needy.length === 0) fairShare = maxShare;
  }

  function intervalOf(costMs: number): number {
    const neededMs = costMs / Math.min(fairShare, maxEndpointShare);
    const most = costMs > costlyFromMs ? Math.max(longestMs, longestCostlyMs) : longestMs;
    return Math.max(wantedMs, Math.min(neededMs, most));
  }

  function divideAnew(): void {
    untilDivided = shares.size;
    costlyFromMs = Math.max(costlyMs, costlyFactor * medianOf(costsOf(shares)));
    divide();
  }

  return {
    add() {
      const own: CostOfScrape = { costMs: unmeasuredMs };
      shares.add(own);
      return {
        spent(busyMs, bytes) {
          const spentMs = Math.min(busyMs, mostMs) + unmeasuredMs + unmeasuredMsPerByte * bytes;
          own.costMs += newestWeight * (spentMs - own.costMs);
          if (--untilDivided <= 0) divideAnew();
        },
        intervalMs: () => intervalOf(own.costMs),
        remove() {
          shares.delete(own);
          untilDivided = 0;
        },
      };
    },
    intervalMs() {
      const intervals = costsOf(shares).map(intervalOf);
      return intervals.reduce((sum, each) => sum + each, 0) / Math.max(1, intervals.length);
    },
  };
}

/** Cost of a scrape of one endpoint, in ms. */
interface CostOfScrape {
  costMs: number;
}

function costsOf(shares: ReadonlySet<CostOfScrape>): readonly number[] {
  return Array.from(shares, ({ costMs }) => costMs);
}

/** With an even count, uses the lower middle value: of two endpoints, the cheaper one is the norm. */
function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? 0;
}
