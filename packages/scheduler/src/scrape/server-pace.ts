/** Limits the share of a model server's time that scraping takes, by making that endpoint's interval longer. */
export interface ServerPace {
  /** Records how long a page took, in ms. */
  record(ms: number): void;
  /** Time between two scrapes of the endpoint, in ms. */
  intervalMs(): number;
}

export interface ServerPaceOptions {
  /** Interval for a server with a fast page, in ms. */
  readonly wantedMs: number;
  /** Longest interval, in ms, because picks need recent metrics. */
  readonly longestMs: number;
}

/**
 * Largest share of the server's time that its metrics page may take. vLLM renders the page in 8 to 12 ms in the process
 * that streams answers: at ten scrapes a second that would be a tenth of a core.
 */
const maxServerShare = 0.03;
/** Weight of a page that took longer than the estimate: part of its time may be waiting for other work. */
const slowerWeight = 0.05;

export function createServerPace({ wantedMs, longestMs }: ServerPaceOptions): ServerPace {
  let pageMs = Number.POSITIVE_INFINITY;
  return {
    record(ms) {
      pageMs = ms < pageMs ? ms : pageMs + slowerWeight * (ms - pageMs);
    },
    intervalMs() {
      if (pageMs === Number.POSITIVE_INFINITY) return wantedMs;
      return Math.max(wantedMs, Math.min(pageMs / maxServerShare, longestMs));
    },
  };
}
