/**
 * Settings of a mirror and its evaluation, from a ShadowPolicy or by default. Plain data, with all defaults filled in.
 */
export interface MirrorSettings {
  /** `control`: runs the primary's own model and is sized like the shadow, as a noise floor. */
  readonly role: "candidate" | "control";
  /** How many of the mirrored requests a control also gets, in percent; all of them when absent. */
  readonly percentOfMirrored?: number;
  readonly sampling: MirrorSampling;
  readonly evaluation: EvaluationPolicy;
  /** Timeout of one twin, in ms. */
  readonly requestTimeoutMs: number;
  /** Header changes of twins. */
  readonly headers: MirrorHeaders;
  /** Absent: no ShadowPolicy targets the mirror. Then every request may be mirrored, with an unchanged body and without a budget. */
  readonly policy?: MirrorPolicy;
}

export interface MirrorHeaders {
  readonly set: readonly { readonly name: string; readonly value: string }[];
  /** Lower case. */
  readonly remove: readonly string[];
}

/** Settings of a mirror that only a ShadowPolicy can define. */
export interface MirrorPolicy {
  /** `<namespace>/<name>` of the ShadowPolicy. */
  readonly name: string;
  /** Which version of an API server's object it is; absent in files. */
  readonly generation?: number;
  readonly eligible: Eligibility;
  readonly rewrite: MirrorRewrite;
  readonly budget: MirrorBudget;
}

export interface MirrorSampling {
  /** `session`: a conversation is mirrored completely or not at all. */
  readonly by: "request" | "session";
  /** Where to find the session's name. A request without one is sampled individually. */
  readonly sessionKey: SessionKey;
}

export type SessionKey =
  | { readonly kind: "header"; readonly name: string }
  /** The body's `user`. */
  | { readonly kind: "user" }
  /** The first bytes of the prompt, at most `bytes`. */
  | { readonly kind: "prompt"; readonly bytes: number };

/** Requests that are eligible for mirroring. An absent list allows all. */
export interface Eligibility {
  readonly paths: readonly string[];
  readonly models?: readonly string[];
  readonly priorities?: readonly ("Critical" | "Standard" | "Sheddable")[];
  /** All of them must match. */
  readonly headers: readonly { readonly name: string; readonly value: string }[];
}

/** Changes to the twin's body. The primary's request is never changed. */
export interface MirrorRewrite {
  /** Maps the client's model names to the shadow's. */
  readonly model: Readonly<Record<string, string>>;
  /** Top-level fields of the body. */
  readonly set: Readonly<Record<string, JsonValue>>;
  readonly remove: readonly string[];
}

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** Limits of mirroring. There is no queue: requests above a limit are not mirrored, and the reason is counted. */
export interface MirrorBudget {
  readonly maxInFlight: number;
  /** Absent: no limit. */
  readonly maxRequestsPerSecond?: number;
  readonly maxRequests: number;
  /** Total prompt and output tokens of the shadow. */
  readonly maxTokens?: number;
  readonly maxDurationMs: number;
  readonly maxBodyBytes: number;
}

/** How the mirror is evaluated. Absent values use the evaluation's defaults. */
export interface EvaluationPolicy {
  readonly horizonMs?: number;
  readonly minPairs?: number;
  readonly alpha?: number;
  readonly warmupMs?: number;
  readonly blockLengthsMs?: readonly number[];
  readonly isSameModel?: boolean;
  readonly allowsLoadMismatch?: boolean;
  readonly requiresAll?: boolean;
  readonly slo?: { readonly ttft?: number; readonly tpot?: number; readonly e2e?: number };
  readonly sloPreset?: string;
  readonly gates?: Readonly<
    Record<string, { readonly margin?: number; readonly required?: boolean }>
  >;
  /** Hardware and cost of a replica of each lane, shown in the report. Not used by the evaluation. */
  readonly cost?: { readonly primary?: LanePrice; readonly shadow?: LanePrice };
  /** Percentage of unmirrored requests to observe for primary protection, 0 to 100. */
  readonly observeUnmirroredPercent: number;
  readonly comparison?: ComparisonPolicy;
  /** How kinds of requests are compared. */
  readonly segments?: SegmentPolicy;
  /** The model that judges answers; absent: none, and no text leaves the process. */
  readonly judge?: JudgePolicy;
}

/** How kinds of requests are compared. Absent values use the evaluation's defaults. */
export interface SegmentPolicy {
  readonly by?: readonly SegmentKind[];
  readonly minPairs?: number;
  /** Expected share of false flags among all flags. */
  readonly q?: number;
  readonly effect?: "hold" | "warn";
}

export type SegmentKind =
  | "model"
  | "path"
  | "stream"
  | "promptTokens"
  | "shape"
  | "priority"
  | "decode"
  | "script";

/** An entry of a Secret. The sidecar finds it as NAMESPACE/SECRET/ENTRY in a folder of its own. */
export interface SecretEntry {
  /** The policy's own, so that no other namespace's key can be named. */
  readonly namespace: string;
  readonly secret: string;
  readonly entry: string;
}

/** A model that is asked which of two answers is better. It gets texts, to which the policy consents. */
export interface JudgePolicy {
  /** URL of its chat completions: https, or http on this machine. */
  readonly endpoint: string;
  readonly model: string;
  /** Where its API key is; absent: it needs none. */
  readonly apiKey?: SecretEntry;
  /** Replaces the usual criteria; empty: the usual ones. */
  readonly rubric: string;
  /** Shares of the pairs to judge, 0 to 1: of similar answers, and of the others. */
  readonly sample: { readonly near: number; readonly far: number };
  /** Two calls judge one pair. */
  readonly maxCalls: number;
  /** Of prompts and answers together. */
  readonly maxTokens?: number;
  readonly maxCostUsd?: number;
  /** In USD per million tokens. */
  readonly pricePerMTokens?: { readonly prompt: number; readonly completion: number };
  /** Calls a minute. */
  readonly perMinute?: number;
  /** About how many tokens the conversation and both answers may have together. */
  readonly maxPromptTokens: number;
  /** How much of the win rate the shadow may lose, 0 to 1. */
  readonly margin: number;
  /** Whether the verdict depends on its gate; true when absent. */
  readonly required?: boolean;
}

/** How the texts of answers are compared. Only numbers and names of them are kept. */
export interface ComparisonPolicy {
  /**
   * `numbers`: the texts of a pair are held until both have ended, and compared. `sketch`: of each answer only hashes and
   * numbers are kept, made as it streams. `off`: no text is looked at.
   */
  readonly mode: "off" | "sketch" | "numbers";
  /** Bytes of text that are looked at of each answer. */
  readonly maxTextBytes: number;
  /**
   * Bytes that the held texts of this policy's requests may take; beyond it, newer ones are not compared. Those of all
   * policies together take at most the largest of their limits.
   */
  readonly maxHeldBytes: number;
  /** Whether a leading `<think>…</think>` is removed first. */
  readonly stripsReasoning: boolean;
  readonly similarity: "chrf" | "off";
  /** Whether answers are checked against the JSON schemas in their requests. */
  readonly checksSchemas: boolean;
  /** Which log probabilities are compared: none, those that a client asks for, or also those that twins are asked for. */
  readonly logprobs: "off" | "ifPresent" | "shadow";
  /** Phrases that mark a refusal, besides those of the lexicon `en-1`. */
  readonly refusalPhrases: readonly string[];
  /** Lower-case name of an answer's header that marks a refusal, unless it is empty or says no; absent: none. */
  readonly refusalHeader?: string;
}

/** Hardware and cost of one replica. */
export interface LanePrice {
  readonly gpus?: number;
  /** In any currency. */
  readonly costPerHour?: number;
}

/** Paths of requests without side effects. */
export const defaultPaths: readonly string[] = [
  "/v1/chat/completions",
  "/v1/completions",
  "/v1/messages",
  "/v1/responses",
];

/**
 * Headers removed from twins by default: a client gave its credentials only to the primary, and other people may
 * operate the shadow.
 */
export const defaultRemovedHeaders: readonly string[] = [
  "authorization",
  "proxy-authorization",
  "cookie",
  "x-api-key",
];

export const defaultBudget: MirrorBudget = {
  maxInFlight: 32,
  maxRequests: 20_000,
  maxDurationMs: 7_200_000,
  maxBodyBytes: 1_048_576,
};

/** At least twice the horizon, so that slow traffic has time for enough pairs. */
export function budgetFor(horizonMs: number): MirrorBudget {
  return { ...defaultBudget, maxDurationMs: Math.max(defaultBudget.maxDurationMs, 2 * horizonMs) };
}

/** Default timeout of a twin under a ShadowPolicy, in ms. */
export const defaultRequestTimeoutMs = 600_000;

export const defaultComparison: ComparisonPolicy = {
  mode: "numbers",
  maxTextBytes: 65_536,
  maxHeldBytes: 67_108_864,
  stripsReasoning: true,
  similarity: "chrf",
  checksSchemas: true,
  logprobs: "ifPresent",
  refusalPhrases: [],
};

/** What a judge need not set. */
export const defaultJudge: Pick<JudgePolicy, "sample" | "maxCalls" | "maxPromptTokens" | "margin"> =
  {
    sample: { near: 0.02, far: 0.2 },
    maxCalls: 2_000,
    maxPromptTokens: 8_192,
    margin: 0.05,
  };

export const defaultEvaluation: EvaluationPolicy = { observeUnmirroredPercent: 10 };

export const defaultSampling: MirrorSampling = { by: "request", sessionKey: { kind: "user" } };

/** Settings of a mirror under a ShadowPolicy with only defaults. */
export function defaultMirrorSettings(
  policyName: string,
): MirrorSettings & { readonly policy: MirrorPolicy } {
  return {
    ...plainMirrorSettings(defaultRemovedHeaders, defaultRequestTimeoutMs),
    policy: {
      name: policyName,
      eligible: { paths: defaultPaths, headers: [] },
      rewrite: { model: {}, set: {}, remove: [] },
      budget: defaultBudget,
    },
  };
}

/** Settings of a mirror without a ShadowPolicy. */
export function plainMirrorSettings(
  removedHeaders: readonly string[],
  requestTimeoutMs: number,
): MirrorSettings {
  return {
    role: "candidate",
    sampling: defaultSampling,
    evaluation: defaultEvaluation,
    requestTimeoutMs,
    headers: { set: [], remove: removedHeaders },
  };
}
