/** Every gate there is, with what it is when nobody says otherwise. Sources: see `docs/evaluation.md`. */
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
   * Share by which the shadow may be worse: 0.10 is 10 % of a ratio, or 10 percentage points of a rate. A rate's margin is at
   * least a tenth of the baseline's own rate.
   */
  readonly margin: number;
  /** A required gate must pass for PASS, and fails the whole. */
  readonly required: boolean;
}

/** What an evaluation is judged by. Fixed when it starts: its hash stands in the report, and another is another evaluation. */
export interface EvaluationConfig {
  /** One-sided error of a wrong PASS. */
  readonly alpha: number;
  /** Planned length, in ms. */
  readonly horizonMs: number;
  readonly minPairs: number;
  /** Left out at the start, in ms. */
  readonly warmupMs: number;
  /** Lengths of time blocks to choose from, ascending, in ms. */
  readonly blockLengthsMs: readonly number[];
  /** In ms. A request is good when it is ok and keeps each that is set. */
  readonly slo: { readonly ttft?: number; readonly tpot?: number; readonly e2e?: number };
  /** The candidate runs the same model: the lengths of answers must agree. */
  readonly isSameModel: boolean;
  /** No PASS while a required gate is not judged because its kind of traffic is rare. */
  readonly requiresAll: boolean;
  /** Judge although the shadow's replicas get another load than the primary's. */
  readonly allowsLoadMismatch: boolean;
  readonly gates: Readonly<Record<GateId, GateConfig>>;
  /** Of the bootstrap; from the configuration's hash when absent. */
  readonly seed?: number;
}

/** What a user may give; the rest is as in `defaultEvaluation`. */
export interface EvaluationSettings extends Partial<Omit<EvaluationConfig, "gates">> {
  readonly gates?: Readonly<Partial<Record<string, Partial<GateConfig>>>>;
  /** Name of one of `sloPresets`; a limit of `slo` takes the place of the preset's. */
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

/** Another model may well say more, or less. */
const ofSameModel: ReadonlySet<GateId> = new Set(["length", "finish.length"]);

/** Fills in what is not given. Gates of other names are left out, and so is all else that is no part of a configuration. */
export function evaluationConfig(settings: EvaluationSettings = {}): EvaluationConfig {
  const { sloPreset = "", seed, ...given } = { ...defaultEvaluation, ...settings };
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
    ...(seed === undefined ? {} : { seed }),
  };
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
