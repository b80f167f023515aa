/**
 * What becomes of a mirror's copies, and how they are judged: as a ShadowPolicy says, or as it is without one. Plain data;
 * everything that the resources leave open has its default here.
 */
export interface MirrorSettings {
  /** `control`: the same model as the primary, sized like the shadow; the baseline without the mirror's own cost. */
  readonly role: "candidate" | "control";
  readonly sampling: MirrorSampling;
  readonly evaluation: EvaluationPolicy;
  /** Of one copy, in ms. */
  readonly requestTimeoutMs: number;
  /** What is changed of the copies' headers. */
  readonly headers: MirrorHeaders;
  /** Absent: no ShadowPolicy speaks of the mirror. Every request may be mirrored then, its body as it is, and without a budget. */
  readonly policy?: MirrorPolicy;
}

export interface MirrorHeaders {
  readonly set: readonly { readonly name: string; readonly value: string }[];
  /** Lower case. */
  readonly remove: readonly string[];
}

/** What a ShadowPolicy alone says of a mirror. */
export interface MirrorPolicy {
  /** `<namespace>/<name>` of the ShadowPolicy. */
  readonly name: string;
  readonly eligible: Eligibility;
  readonly rewrite: MirrorRewrite;
  readonly budget: MirrorBudget;
}

export interface MirrorSampling {
  /** `session`: a conversation is mirrored whole or not at all. */
  readonly by: "request" | "session";
  /** Where the session's name is; a request without one is drawn by itself. */
  readonly sessionKey: SessionKey;
}

export type SessionKey =
  | { readonly kind: "header"; readonly name: string }
  /** The body's `user`. */
  | { readonly kind: "user" }
  /** The beginning of the prompt, at most so many bytes. */
  | { readonly kind: "prompt"; readonly bytes: number };

/** Requests that may be mirrored. An absent list lets all through. */
export interface Eligibility {
  readonly paths: readonly string[];
  readonly models?: readonly string[];
  readonly priorities?: readonly ("Critical" | "Standard" | "Sheddable")[];
  /** All of them must match. */
  readonly headers: readonly { readonly name: string; readonly value: string }[];
}

/** Changes to the copy's body; the primary's request is never touched. */
export interface MirrorRewrite {
  /** Model names: the client's and the shadow's. */
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

/** What mirroring may use. There is no queue: what goes beyond is dropped, with its reason. */
export interface MirrorBudget {
  readonly maxInFlight: number;
  /** Absent: no limit. */
  readonly maxRequestsPerSecond?: number;
  readonly maxRequests: number;
  /** Prompt and output tokens of the shadow. */
  readonly maxTokens?: number;
  readonly maxDurationMs: number;
  readonly maxBodyBytes: number;
}

/** How the mirror is judged; what is absent is the judge's own default. */
export interface EvaluationPolicy {
  readonly horizonMs?: number;
  readonly minPairs?: number;
  readonly alpha?: number;
  readonly warmupMs?: number;
  readonly blockLengthsMs?: readonly number[];
  readonly isSameModel?: boolean;
  readonly allowsLoadMismatch?: boolean;
  readonly slo?: { readonly ttft?: number; readonly tpot?: number; readonly e2e?: number };
  readonly sloPreset?: string;
  readonly gates?: Readonly<
    Record<string, { readonly margin?: number; readonly required?: boolean }>
  >;
  /** What a replica of each lane is made of and costs, for the report; the judge does not look at it. */
  readonly cost?: { readonly primary?: LanePrice; readonly shadow?: LanePrice };
  /** Share of requests that are not mirrored and observed all the same, 0..100, for primary protection. */
  readonly observeUnmirroredPercent: number;
}

/** Of one replica. */
export interface LanePrice {
  readonly gpus?: number;
  /** In whatever currency. */
  readonly costPerHour?: number;
}

/** Paths of requests that have no effect beside their answer. */
export const defaultPaths: readonly string[] = [
  "/v1/chat/completions",
  "/v1/completions",
  "/v1/messages",
  "/v1/responses",
];

/**
 * Headers that a copy does not carry unless it is told to: a shadow is often run by others than the primary, nobody reads
 * its answers, and a client has given its credentials to the primary alone.
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

/** Twice the horizon at least: slow traffic has the time to become enough pairs. */
export function budgetFor(horizonMs: number): MirrorBudget {
  return { ...defaultBudget, maxDurationMs: Math.max(defaultBudget.maxDurationMs, 2 * horizonMs) };
}

/** Time that a ShadowPolicy gives a copy unless it says otherwise, in ms. */
export const defaultRequestTimeoutMs = 600_000;

export const defaultEvaluation: EvaluationPolicy = { observeUnmirroredPercent: 10 };

export const defaultSampling: MirrorSampling = { by: "request", sessionKey: { kind: "user" } };

/** A mirror's settings under a ShadowPolicy that leaves everything open. */
export function defaultMirrorSettings(policyName: string): Required<MirrorSettings> {
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

/** The settings of a mirror that no ShadowPolicy speaks of. */
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
