import type { LoadMemory } from "../report/shadow-report.ts";
import { cutBlocks } from "../statistics/blocks.ts";
import { influencesOf, memoryOf, minBlocks } from "../statistics/long-run.ts";
import type { EvaluationConfig } from "./config.ts";
import { pairedValues } from "./ratio-gate.ts";
import type { PairTable } from "./table.ts";

/** Swings of the load needed for the promised error rates. With fewer, the spread is underestimated. */
const swingsNeeded = 20;

/** Measures how long swings of the load last, from the ratios of TTFT, or of E2E if nothing streams. */
export function loadMemory(
  table: PairTable,
  { blockLengthsMs }: Pick<EvaluationConfig, "blockLengthsMs">,
): LoadMemory | null {
  const ttft = pairedValues(table, "ttft");
  const values = ttft.logRatio.length > 0 ? ttft : pairedValues(table, "e2e");
  const blocks = cutBlocks(values.atMs, values.logRatio, blockLengthsMs[0] ?? 10_000);
  if (blocks.count < minBlocks) return null;
  const seconds = ((values.atMs.at(-1) ?? 0) - (values.atMs[0] ?? 0)) / 1_000;
  const tau = (memoryOf(influencesOf(blocks)) * seconds) / blocks.count;
  return {
    tau_s: tau,
    swings: tau > 0 ? seconds / tau : null,
    swings_needed: swingsNeeded,
  };
}
