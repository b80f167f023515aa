import type {
  Estimate,
  LaneCost,
  MirroringCost,
  Rates,
  ReportCost,
  SloMisses,
} from "../report/report-cost.ts";
import type { ValidityCheck } from "../report/shadow-report.ts";
import { blockMean, boundsOf } from "./block-mean.ts";
import type { EvaluationConfig } from "./config.ts";
import { isCountedInFull, measuredOf } from "./funnel.ts";
import type { EvaluationFacts, LaneFacts } from "./input.ts";
import type { Partition } from "./partition.ts";
import { replicasNeeded } from "./replicas-needed.ts";
import { isGood, type LaneColumns, type PairTable } from "./table.ts";

export interface CostInput {
  readonly table: PairTable;
  readonly part: Partition;
  readonly facts: EvaluationFacts;
  readonly config: EvaluationConfig;
  readonly validity: readonly ValidityCheck[];
}

/**
 * Describes cost and load of both lanes. Rates include all traffic of a lane's endpoints, not only the mirrored part.
 */
export function describeCost(input: CostInput): ReportCost {
  const { table, part, facts, config } = input;
  const elapsedS = (part.nowMs - part.startedAtMs) / 1_000;
  // All traffic of a shadow is mirrored, so samples alone give its rate; the primary's rate needs counts. Lost requests
  // may never have arrived, so they are not included.
  const answered = part.counts.paired + (facts.leftOut?.paired ?? 0);
  const mirrored = { requests: answered, seconds: elapsedS };
  return {
    primary: laneCost(table.baseline, facts.baseline, undefined),
    shadow: laneCost(table.shadow, facts.candidate, mirrored),
    replicas_needed: replicasNeeded(table, facts, config),
    mirroring: mirroringCost(input, elapsedS),
    // The counts of a process that started after the evaluation do not cover its whole time.
    slo_misses_per_hour: isCountedInFull(part, facts)
      ? sloMisses(table, facts, config, elapsedS)
      : null,
  };
}

function laneCost(
  lane: LaneColumns,
  facts: LaneFacts | undefined,
  known: { readonly requests: number; readonly seconds: number } | undefined,
): LaneCost {
  const { replicas = null, gpus = null, costPerHour = null, load } = facts ?? {};
  const { requests, seconds } = load ?? known ?? { requests: 0, seconds: 0 };
  const perSecond = seconds > 0 ? requests / seconds : null;
  const perRequest = tokensPerRequest(lane);
  const tokens = perSecond === null || perRequest === null ? null : perSecond * perRequest;
  const gpuCount = replicas === null || gpus === null ? null : replicas * gpus;
  const dollars = costPerHour === null || replicas === null ? null : costPerHour * replicas;
  return {
    replicas,
    gpus_per_replica: gpus,
    cost_per_hour: costPerHour,
    requests_per_s: perSecond,
    tokens_per_s: tokens,
    per_replica: ratesOver(perSecond, tokens, replicas),
    per_gpu: ratesOver(perSecond, tokens, gpuCount),
    cost_per_million_tokens:
      dollars === null || tokens === null || tokens <= 0 ? null : (dollars / 3_600 / tokens) * 1e6,
    utilisation: load?.utilisation ?? null,
  };
}

function ratesOver(
  requests: number | null,
  tokens: number | null,
  by: number | null,
): Rates | null {
  if (requests === null || tokens === null || by === null || by <= 0) return null;
  return { requests_per_s: requests / by, tokens_per_s: tokens / by };
}

/** Mean output tokens per request; a failed request counts 0. */
function tokensPerRequest({ outTokens, isOk }: LaneColumns): number | null {
  let [n, sum] = [0, 0];
  for (let i = 0; i < isOk.length; i++) {
    const tokens = isOk[i] === 1 ? (outTokens[i] ?? Number.NaN) : 0;
    if (Number.isNaN(tokens)) continue;
    n++;
    sum += tokens;
  }
  return n === 0 ? null : sum / n;
}

function mirroringCost({ part, facts, validity }: CostInput, elapsedS: number): MirroringCost {
  const { replicas, gpus, costPerHour } = facts.candidate ?? {};
  const replicaHours = replicas === undefined ? undefined : (replicas * elapsedS) / 3_600;
  const times = (each: number | undefined) =>
    each === undefined || replicaHours === undefined ? null : each * replicaHours;
  const protection = validity.find(({ id }) => id === "primary_protection");
  const { value = null, lower = null, upper = null } = protection ?? {};
  return {
    requests: Math.max(facts.counts?.dispatched ?? 0, measuredOf(part, facts)),
    prompt_tokens: part.dispatches.promptTokens,
    output_tokens: part.dispatches.outputTokens,
    gpu_hours: times(gpus),
    cost: times(costPerHour),
    primary_latency: value === null ? null : { estimate: value, lower, upper },
  };
}

function sloMisses(
  table: PairTable,
  { counts }: EvaluationFacts,
  { slo, blockLengthsMs }: EvaluationConfig,
  elapsedS: number,
): SloMisses | null {
  if (Object.keys(slo).length === 0 || counts === undefined || elapsedS <= 0) return null;
  const perHour = (counts.eligible / elapsedS) * 3_600;
  const times: number[] = [];
  const misses = { primary: [] as number[], shadow: [] as number[], difference: [] as number[] };
  for (let i = 0; i < table.size; i++) {
    if (table.isJudged[i] !== 1) continue;
    const [first, second] = [table.baseline, table.shadow].map((lane) =>
      Number(!isGood(lane, i, slo)),
    );
    times.push(table.atMs[i] ?? 0);
    misses.primary.push(first ?? 0);
    misses.shadow.push(second ?? 0);
    misses.difference.push((second ?? 0) - (first ?? 0));
  }
  if (times.length === 0) return null;
  const estimate = (values: readonly number[]): Estimate => {
    const mean = blockMean(times, values, blockLengthsMs[0] ?? 10_000);
    const bounds = mean === undefined ? undefined : boundsOf(mean, 0.95);
    const sum = values.reduce((total, value) => total + value, 0);
    return {
      estimate: (sum / values.length) * perHour,
      lower: bounds === undefined ? null : bounds.lower * perHour,
      upper: bounds === undefined ? null : bounds.upper * perHour,
    };
  };
  return {
    primary: atLeastNone(estimate(misses.primary)),
    shadow: atLeastNone(estimate(misses.shadow)),
    difference: estimate(misses.difference),
    requests_per_hour: perHour,
  };
}

function atLeastNone({ estimate, lower, upper }: Estimate): Estimate {
  return { estimate, lower: lower === null ? null : Math.max(0, lower), upper };
}
