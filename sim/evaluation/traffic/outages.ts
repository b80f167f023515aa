import type { Draws } from "../draws.ts";

/** Outages of one lane: they start at random, `perHour` on average, and last `lengthS`. Answers for ascending times in s. */
export function outagesOf(
  perHour: number,
  lengthS: number,
  draws: Draws,
): (atS: number) => boolean {
  if (perHour === 0) return () => false;
  const gapS = 3_600 / perHour;
  let start = draws.exponential(gapS);
  return (at) => {
    while (at >= start + lengthS) start += lengthS + draws.exponential(gapS);
    return at >= start;
  };
}
