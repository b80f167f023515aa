import { unitHalfWidth } from "../statistics/confidence-sequence.ts";
import { createEProcess } from "../statistics/e-process.ts";
import { normalQuantile } from "../statistics/normal.ts";
import { smallSampleFactor } from "../statistics/student-t.ts";
import type { EvaluationConfig, GateId } from "./config.ts";

/** What a plan supposes of the traffic. */
export interface PlanInput {
  readonly config: EvaluationConfig;
  /** Requests per second at the primary that are eligible. */
  readonly ratePerSecond: number;
  /** Percent of them that is mirrored, 0..100. */
  readonly percent: number;
  /** Standard deviation of a pair's log ratio; 0.35 when absent. */
  readonly logRatioSd?: number;
  /** Standard deviation of the log of TTFT and TPOT themselves, for tails; 0.6 when absent. */
  readonly logSd?: number;
  /** Share of pairs in which exactly one leg is bad; 0.002 when absent. */
  readonly discordance?: number;
}

export interface PlannedGate {
  readonly id: GateId;
  readonly required: boolean;
  readonly margin: number;
  /** Pairs until it can be judged, for lanes that are equal. */
  readonly pairs: number;
  readonly seconds: number;
}

export interface Plan {
  readonly pairsPerSecond: number;
  readonly gates: readonly PlannedGate[];
  /** Until a verdict: the slowest required gate, the horizon and the least number of pairs, warm-up included. */
  readonly seconds: number;
}

/** Power of the answers: 80 %. */
const power = 0.8;

/**
 * Estimates how long until each gate can be judged when both lanes are equal.
 *
 * Typical ratios: blocks until the confidence sequence fits into the margin. Rates: pairs until the e-process crosses,
 * by running it on evenly spread discordant pairs. Tails: `n = (z_a + z_b)^2 2 p (1 - p) (s / phi(z_p))^2 / ln(1 + m)^2`.
 */
export function planEvaluation(input: PlanInput): Plan {
  const { config, ratePerSecond, percent } = input;
  const pairsPerSecond = (ratePerSecond * percent) / 100;
  const gates = (Object.keys(config.gates) as GateId[])
    .filter((id) => id !== "slo" || Object.keys(config.slo).length > 0)
    .map((id): PlannedGate => {
      const { margin, required } = config.gates[id];
      const pairs = pairsFor(id, margin, input, pairsPerSecond);
      return { id, required, margin, pairs, seconds: pairs / pairsPerSecond };
    });
  const slowest = Math.max(0, ...gates.filter((gate) => gate.required).map((gate) => gate.seconds));
  const judged = Math.max(slowest, config.minPairs / pairsPerSecond) + config.warmupMs / 1_000;
  return { pairsPerSecond, gates, seconds: Math.max(judged, config.horizonMs / 1_000) };
}

function pairsFor(id: GateId, margin: number, input: PlanInput, pairsPerSecond: number): number {
  if (id.endsWith(".p90")) return Math.max(200, tailPairs(0.9, margin, input));
  if (id.endsWith(".p99")) return Math.max(1_000, tailPairs(0.99, margin, input));
  if (id.endsWith(".typical") || id === "length") {
    return Math.max(200, typicalPairs(margin, input, pairsPerSecond));
  }
  return Math.max(500, ratePairs(margin, input));
}

function typicalPairs(
  margin: number,
  { config, logRatioSd = 0.35 }: PlanInput,
  pairsPerSecond: number,
): number {
  // Shorter blocks than this hold too few pairs.
  const lengthMs =
    config.blockLengthsMs.find((each) => (pairsPerSecond * each) / 1_000 >= 5) ??
    config.blockLengthsMs.at(-1) ??
    10_000;
  const perBlock = (pairsPerSecond * lengthMs) / 1_000;
  const sd = logRatioSd / Math.sqrt(perBlock);
  const room = Math.log1p(margin);
  let blocks = 20;
  while (blocks < 100_000) {
    const width = sd * unitHalfWidth(blocks, config.alpha) * smallSampleFactor(blocks);
    if (width + (normalQuantile(power) * sd) / Math.sqrt(blocks) < room) break;
    blocks = Math.ceil(blocks * 1.01);
  }
  return Math.ceil(blocks * perBlock);
}

const maxPlannedPairs = 200_000;

function ratePairs(margin: number, { config, discordance = 0.002 }: PlanInput): number {
  const needed = Math.log(1 / config.alpha);
  const process = createEProcess(margin, "below");
  let [owed, isWorse] = [0, true];
  while (process.logE < needed && process.count < maxPlannedPairs) {
    owed += discordance;
    if (owed < 1) {
      process.add(0);
      continue;
    }
    owed -= 1;
    process.add(isWorse ? 1 : -1);
    isWorse = !isWorse;
  }
  return process.count;
}

function tailPairs(p: number, margin: number, { config, logSd = 0.6 }: PlanInput): number {
  const z = normalQuantile(1 - config.alpha) + normalQuantile(power);
  const at = normalQuantile(p);
  const density = Math.exp((-at * at) / 2) / Math.sqrt(2 * Math.PI);
  return Math.ceil((z * z * 2 * p * (1 - p) * (logSd / density) ** 2) / Math.log1p(margin) ** 2);
}
