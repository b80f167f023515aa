/**
 * What is mirrored, how much, rewritten how, and judged by what: a ShadowPolicy as far as it concerns one mirror.
 * Plain data; everything that the resource leaves open has its default here.
 */
export interface MirrorPolicy {
  /** `<namespace>/<name>` of the ShadowPolicy. */
  readonly name: string;
  /** `control`: the same model as the primary, sized like the shadow; the baseline without the mirror's own cost. */
  readonly role: "candidate" | "control";
  readonly sampling: MirrorSampling;
  readonly eligible: Eligibility;
  readonly rewrite: MirrorRewrite;
  readonly budget: MirrorBudget;
  readonly evaluation: EvaluationPolicy;
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

/** Changes to the copy; the primary's request is never touched. */
export interface MirrorRewrite {
  /** Model names: the client's and the shadow's. */
  readonly model: Readonly<Record<string, string>>;
  /** Top-level fields of the body. */
  readonly set: Readonly<Record<string, JsonValue>>;
  readonly remove: readonly string[];
  readonly headers: {
    readonly set: readonly { readonly name: string; readonly value: string }[];
    /** Lower case. */
    readonly remove: readonly string[];
  };
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
  /** Of one mirrored request. */
  readonly requestTimeoutMs: number;
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
  /** Share of requests that are not mirrored and observed all the same, 0..100, for primary protection. */
  readonly observeUnmirroredPercent: number;
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
  maxDurationMs: 1_800_000,
  maxBodyBytes: 1_048_576,
  requestTimeoutMs: 600_000,
};

/** The judge's gates and presets, as far as a resource may name them. */
export const gateNames: readonly string[] = [
  "ttft.typical",
  "ttft.p90",
  "ttft.p99",
  "tpot.typical",
  "tpot.p99",
  "e2e.typical",
  "errors",
  "slo",
  "length",
  "finish.length",
  "bad_request",
  "empty",
  "malformed",
];

export const sloPresetNames: readonly string[] = [
  "llama3.1-8b",
  "llama3.1-8b-interactive",
  "llama2-70b",
  "llama2-70b-interactive",
  "llama3.1-405b",
  "llama3.1-405b-interactive",
  "deepseek-r1",
  "deepseek-r1-interactive",
  "gpt-oss-120b",
  "gpt-oss-120b-interactive",
  "mixtral-8x7b",
];

/** The policy of a mirror that is told nothing: requests drawn one by one, the defaults for all else. */
export function defaultMirrorPolicy(name: string): MirrorPolicy {
  return {
    name,
    role: "candidate",
    sampling: { by: "request", sessionKey: { kind: "user" } },
    eligible: { paths: defaultPaths, headers: [] },
    rewrite: {
      model: {},
      set: {},
      remove: [],
      headers: { set: [], remove: defaultRemovedHeaders },
    },
    budget: defaultBudget,
    evaluation: { observeUnmirroredPercent: 10 },
  };
}
