import { studentTwoSided } from "../statistics/beta.ts";
import { mcnemarExact } from "../statistics/tango.ts";
import { blockMean } from "./block-mean.ts";
import type { EvaluationConfig } from "./config.ts";
import type { PairTable } from "./table.ts";

/**
 * Two-sided p value for equal error rates: the larger of McNemar's exact test, which assumes independent pairs, and a t
 * test on blocks of time, which allows for outages that put many errors into few blocks. Null without pairs.
 */
export function discordanceP(
  table: PairTable,
  { blockLengthsMs }: EvaluationConfig,
): number | null {
  if (table.size === 0) return null;
  const [times, differences]: [number[], number[]] = [[], []];
  let [b, c] = [0, 0];
  for (let i = 0; i < table.size; i++) {
    if (table.isJudged[i] !== 1) continue;
    const difference = (table.baseline.isOk[i] ?? 0) - (table.shadow.isOk[i] ?? 0);
    if (difference > 0) b++;
    if (difference < 0) c++;
    times.push(table.atMs[i] ?? 0);
    differences.push(difference);
  }
  const exact = mcnemarExact({ b, c });
  const mean = blockMean(times, differences, blockLengthsMs[0] ?? 10_000);
  if (mean === undefined || mean.se === 0) return exact;
  return Math.max(exact, studentTwoSided(mean.mean / mean.se, mean.freedom));
}
