/**
 * Work that one page may still cost. Reading holds up all picks, so a page that costs more is given up. It is counted and
 * not timed: a busy machine must not make an honest page look like a hostile one.
 */
export interface PageWork {
  /** Below 0: the page is given up. */
  left: number;
}

/**
 * A unit takes some 100 ns, so a page is given up after about 8 ms; `page-work.test.ts` holds the worst pages to 20 ms. It is ten times
 * what the page of a server with 500 adapters costs.
 */
const maxWork = 80_000;

export function createPageWork(): PageWork {
  return { left: maxWork };
}
