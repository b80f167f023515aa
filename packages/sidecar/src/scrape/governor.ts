/**
 * Keeps the cost of all scraping together within its share of a core, by stretching intervals. An
 * endpoint that costs no more than an equal part of the share is not stretched, whatever the others cost.
 */
export interface Governor {
  /** Begins to count for one more endpoint. */
  add(): EndpointShare;
  /** The mean time between two scrapes of an endpoint, in ms. */
  intervalMs(): number;
}

/** One endpoint's part of the share. */
export interface EndpointShare {
  /** A scrape of a page of so many bytes has kept the process busy for so long, in ms. */
  spent(busyMs: number, bytes: number): void;
  /** Time between two scrapes of the endpoint, in ms. */
  intervalMs(): number;
}

export interface GovernorOptions {
  /** The interval while there is time enough, in ms. */
  readonly wantedMs: number;
  /**
   * Never longer than this, in ms: metrics must not grow stale for want of a scrape. Pages that cost far more than those of
   * the other endpoints are an exception.
   */
  readonly longestMs: number;
  /** Share of one core, 0 to 1. */
  readonly maxShare: number;
}

const newestWeight = 0.1;
/** One reading counts for no more, in ms: the process may have had to wait for a core meanwhile. */
const mostMs = 20;
/**
 * What a scrape costs besides the callbacks that are measured: system calls, the HTTP parser, the event loop, in ms.
 * `npm run bench:scrape` prints what the process really takes.
 */
const unmeasuredMs = 0.06;
const unmeasuredMsPerByte = 1.4e-6;
/** Share of a core that one endpoint may take, however few there are: its pages hold up picks. */
const maxEndpointShare = 0.01;
/** Times the median of all endpoints. Metrics of pages that cost more may grow stale. */
const costlyFactor = 4;
/** Pages that cost no more, in ms, are never costly: ten times what the page of a server with 500 adapters costs. */
const costlyMs = 4;
const longestCostlyMs = 30_000;
/** Endpoints have fair shares after so many rounds; each round settles those that need less than an equal part of the rest. */
const rounds = 8;

export function createGovernor(options: GovernorOptions): Governor {
  const { wantedMs, longestMs, maxShare } = options;
  /** What a scrape costs, in ms, by endpoint. */
  const costs: number[] = [];
  let fairShare = maxShare;
  let costlyFromMs = Number.POSITIVE_INFINITY;
  let untilDivided = 0;

  function divide(): void {
    let needy = costs;
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

  return {
    add() {
      const index = costs.push(unmeasuredMs) - 1;
      return {
        spent(busyMs, bytes) {
          const spentMs = Math.min(busyMs, mostMs) + unmeasuredMs + unmeasuredMsPerByte * bytes;
          const costMs = costs[index] ?? unmeasuredMs;
          costs[index] = costMs + newestWeight * (spentMs - costMs);
          if (--untilDivided > 0) return;
          untilDivided = costs.length;
          costlyFromMs = Math.max(costlyMs, costlyFactor * medianOf(costs));
          divide();
        },
        intervalMs: () => intervalOf(costs[index] ?? unmeasuredMs),
      };
    },
    intervalMs() {
      const intervals = costs.map(intervalOf);
      return intervals.reduce((sum, each) => sum + each, 0) / Math.max(1, intervals.length);
    },
  };
}

/** Of an even number the lower one in the middle: of two endpoints the cheaper says what is usual. */
function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? 0;
}
