/** Keeps what scraping costs one model server within its share of a core, by stretching that endpoint's interval. */
export interface ServerPace {
  /** A page has taken so long, in ms. */
  took(ms: number): void;
  /** Time between two scrapes of the endpoint, in ms. */
  intervalMs(): number;
}

export interface ServerPaceOptions {
  /** The interval for a server whose page is quick, in ms. */
  readonly wantedMs: number;
  /** Never longer than this, in ms: picks need to know the load. */
  readonly longestMs: number;
}

/**
 * Share of the server's time that its metrics page may take. vLLM makes its page in the process that streams answers,
 * and takes 8 to 12 ms: ten a second would take a tenth of a core from them.
 */
const maxServerShare = 0.03;
/** Of a page that took longer than those before: waiting behind other work is no cost of the page. */
const slowerWeight = 0.05;

export function createServerPace({ wantedMs, longestMs }: ServerPaceOptions): ServerPace {
  let pageMs = Number.POSITIVE_INFINITY;
  return {
    took(ms) {
      pageMs = ms < pageMs ? ms : pageMs + slowerWeight * (ms - pageMs);
    },
    intervalMs() {
      if (pageMs === Number.POSITIVE_INFINITY) return wantedMs;
      return Math.max(wantedMs, Math.min(pageMs / maxServerShare, longestMs));
    },
  };
}
