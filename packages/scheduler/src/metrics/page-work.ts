/**
 * Remaining work budget of one page. Reading delays all picks, so a page that costs more is given up. Work is counted,
 * not timed, so that a busy machine does not make a normal page look hostile.
 */
export interface PageWork {
  /** Remaining units; below 0 the page is given up. */
  left: number;
}

/**
 * Budget of one page. A unit takes about 100 ns, so a page is given up after about 8 ms; `page-work.test.ts` checks
 * that the worst pages take at most 20 ms. It is ten times the cost of the page of a server with 500 adapters.
 */
const maxWork = 80_000;

export function createPageWork(): PageWork {
  return { left: maxWork };
}
