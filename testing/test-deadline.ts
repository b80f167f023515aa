/** Where `scripts/jest-environment.mjs` keeps when the limit of the running test or hook is over, on the clock of `performance.now`. */
const endsAt: unique symbol = Symbol.for("umbra.testEndsAtMs") as never;

/** Left to say what was waited for, in ms. */
const reserveMs = 1_000;

/**
 * How long a wait that begins now may last, in ms: Jest ends a test at its limit and doesn't say what it waited for. Infinity where no
 * limit is known: outside of Jest, and in tests that run concurrently.
 */
export function msToWait(): number {
  const { [endsAt]: endsAtMs } = globalThis as { readonly [endsAt]?: number };
  if (endsAtMs === undefined) return Number.POSITIVE_INFINITY;
  return Math.max(0, endsAtMs - reserveMs - performance.now());
}
