import type { JudgeTerms } from "./judged-pairs.ts";
import { type OutputGateSettings, outputGateIds } from "./output-config.ts";
import { type SegmentSettings, segmentKinds } from "./segment-settings.ts";

export { type JudgeTerms, outputGateIds, type SegmentSettings, segmentKinds };

/** All gates with their default settings. Sources: see `docs/evaluation.md`. */
export const gateDefaults: Readonly<Record<GateId, GateConfig>> = {
  "ttft.typical": { margin: 0.1, required: true },
  "ttft.p90": { margin: 0.15, required: true },
  "ttft.p99": { margin: 0.2, required: true },
  "tpot.typical": { margin: 0.05, required: true },
  "tpot.p99": { margin: 0.15, required: true },
  "e2e.typical": { margin: 0.1, required: false },
  "whole.typical": { margin: 0.1, required: true },
  "whole.p90": { margin: 0.15, required: true },
  "whole.p99": { margin: 0.2, required: true },
  "whole.per_token": { margin: 0.1, required: false },
  "ttft.worse": { margin: 0.02, required: false },
  "ttft.very_slow": { margin: 0.001, required: false },
  errors: { margin: 0.005, required: true },
  slo: { margin: 0.01, required: true },
  length: { margin: 0.1, required: false },
  "finish.length": { margin: 0.005, required: false },
  bad_request: { margin: 0.005, required: true },
  empty: { margin: 0.005, required: true },
  malformed: { margin: 0.005, required: true },
};

export type GateId =
  | "ttft.typical"
  | "ttft.p90"
  | "ttft.p99"
  | "tpot.typical"
  | "tpot.p99"
  | "e2e.typical"
  | "whole.typical"
  | "whole.p90"
  | "whole.p99"
  | "whole.per_token"
  | "ttft.worse"
  | "ttft.very_slow"
  | "errors"
  | "slo"
  | "length"
  | "finish.length"
  | "bad_request"
  | "empty"
  | "malformed";

export const gateIds: readonly GateId[] = Object.keys(gateDefaults) as GateId[];

export interface GateConfig {
  /**
   * How much worse the shadow may be: 0.10 is 10 % for a ratio or 10 percentage points for a rate. The margin of a rate
   * is at least a tenth of the primary's rate.
   */
  readonly margin: number;
  /** A required gate must pass for a PASS; if it fails, the verdict is FAIL. */
  readonly required: boolean;
}

/**
 * Settings of an evaluation, fixed when it starts. The report contains their hash; other settings mean another
 * evaluation.
 */
export interface EvaluationConfig {
  /** Probability of a wrong PASS (one-sided). */
  readonly alpha: number;
  /** Planned length, in ms. */
  readonly horizonMs: number;
  readonly minPairs: number;
  /** Warm-up that is left out at the start, in ms. */
  readonly warmupMs: number;
  /** Lengths of time blocks to choose from, ascending, in ms. */
  readonly blockLengthsMs: readonly number[];
  /** Limits in ms. A request is good if it succeeded and is within all limits that are set. */
  readonly slo: { readonly ttft?: number; readonly tpot?: number; readonly e2e?: number };
  /** The shadow runs the same model, so the lengths of answers must match. */
  readonly isSameModel: boolean;
  /** Whether a required gate that can't be judged, because its kind of traffic is rare, prevents a PASS. */
  readonly requiresAll: boolean;
  /** Judge even if the shadow's replicas have a different load than the primary's. */
  readonly allowsLoadMismatch: boolean;
  readonly gates: Readonly<Record<GateId, GateConfig>>;
  /** Settings about what the answers say that differ from the defaults. */
  readonly outputs?: OutputSettings;
  /**
   * Share of the mirrored requests that the control lane also gets, in percent; all of them when absent. Below 100 the
   * control only tells how far the primary agrees with itself, and does not replace it in the other gates.
   */
  readonly controlPercent?: number;
  /** Seed of the bootstrap; derived from the configuration's hash when absent. */
  readonly seed?: number;
}

/** Settings about what the answers say. Fixed when the evaluation starts, like all others. */
export interface OutputSettings {
  /** Answers are compared by sketches instead of their texts; by their texts when absent. */
  readonly mode?: "sketch";
  readonly gates?: OutputGateSettings;
  /** How kinds of requests are compared, by latency and errors too. */
  readonly segments?: Partial<SegmentSettings>;
  /** A model that compares answers; none when absent. */
  readonly judge?: JudgeTerms;
  /** 16 hexadecimal digits that stand for how answers are compared; absent for the defaults. */
  readonly comparisonHash?: string;
}

/** Settings a user can give; the others have the values of `defaultEvaluation`. */
export interface EvaluationSettings extends Partial<Omit<EvaluationConfig, "gates">> {
  readonly gates?: Readonly<Partial<Record<string, Partial<GateConfig>>>>;
  /** Name of one of `sloPresets`. Limits in `slo` override those of the preset. */
  readonly sloPreset?: string;
}

export const defaultEvaluation: EvaluationConfig = {
  alpha: 0.05,
  horizonMs: 1_800_000,
  minPairs: 2_000,
  warmupMs: 120_000,
  blockLengthsMs: [10_000, 20_000, 30_000, 60_000, 120_000, 240_000],
  slo: {},
  isSameModel: false,
  requiresAll: false,
  allowsLoadMismatch: false,
  gates: gateDefaults,
};

/** Gates that only make sense for the same model: another model may write longer or shorter answers. */
const ofSameModel: ReadonlySet<GateId> = new Set(["length", "finish.length"]);

/** Fills in defaults. Unknown gates and other unknown fields are left out. */
export function evaluationConfig(settings: EvaluationSettings = {}): EvaluationConfig {
  const { sloPreset = "", seed, controlPercent, ...given } = { ...defaultEvaluation, ...settings };
  const gates = gateIds.map((id): [GateId, GateConfig] => {
    const standard = gateDefaults[id];
    const required = ofSameModel.has(id) ? given.isSameModel : standard.required;
    return [id, { margin: standard.margin, required, ...settings.gates?.[id] }];
  });
  return {
    alpha: given.alpha,
    horizonMs: given.horizonMs,
    minPairs: given.minPairs,
    warmupMs: given.warmupMs,
    blockLengthsMs: given.blockLengthsMs,
    slo: { ...sloPresets[sloPreset], ...given.slo },
    isSameModel: given.isSameModel,
    requiresAll: given.requiresAll,
    allowsLoadMismatch: given.allowsLoadMismatch,
    gates: Object.fromEntries(gates) as Record<GateId, GateConfig>,
    ...outputSettings(settings),
    ...(controlPercent === undefined ? {} : { controlPercent }),
    ...(seed === undefined ? {} : { seed }),
  };
}

/** Settings of output gates may be among those of the others. */
function outputSettings({ gates = {}, outputs = {} }: EvaluationSettings) {
  const given = outputGateIds.flatMap((id) => {
    const each = gates[id] ?? outputs.gates?.[id];
    return each === undefined ? [] : [[id, each] as const];
  });
  const own = {
    ...(outputs.mode === undefined ? {} : { mode: outputs.mode }),
    ...(given.length === 0 ? {} : { gates: Object.fromEntries(given) }),
    ...(outputs.judge === undefined ? {} : { judge: outputs.judge }),
    ...(outputs.segments === undefined ? {} : { segments: inOrder(outputs.segments) }),
    ...(outputs.comparisonHash === undefined ? {} : { comparisonHash: outputs.comparisonHash }),
  };
  return Object.keys(own).length === 0 ? {} : { outputs: own };
}

/** The same kinds in another order are the same settings, with the same hash. */
function inOrder({ by, ...others }: Partial<SegmentSettings>): Partial<SegmentSettings> {
  return by === undefined
    ? others
    : { ...others, by: segmentKinds.filter((kind) => by.includes(kind)) };
}

/**
 * TTFT and TPOT limits in ms of MLPerf inference (datacenter, p99), by benchmark. Source:
 * mlcommons/inference_policies, `inference_rules.adoc`.
 */
export const sloPresets: Readonly<
  Record<string, { readonly ttft: number; readonly tpot: number }>
> = {
  "llama3.1-8b": { ttft: 2_000, tpot: 100 },
  "llama3.1-8b-interactive": { ttft: 500, tpot: 30 },
  "llama2-70b": { ttft: 2_000, tpot: 200 },
  "llama2-70b-interactive": { ttft: 450, tpot: 40 },
  "llama3.1-405b": { ttft: 6_000, tpot: 175 },
  "llama3.1-405b-interactive": { ttft: 4_500, tpot: 80 },
  "deepseek-r1": { ttft: 2_000, tpot: 80 },
  "deepseek-r1-interactive": { ttft: 1_500, tpot: 15 },
  "gpt-oss-120b": { ttft: 3_000, tpot: 80 },
  "gpt-oss-120b-interactive": { ttft: 2_000, tpot: 20 },
  "mixtral-8x7b": { ttft: 2_000, tpot: 200 },
};
