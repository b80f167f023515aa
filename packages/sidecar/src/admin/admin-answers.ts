import type { Explanation, InferenceRequest, PoolSnapshot } from "@umbra/scheduler";
import type { FlowQueue } from "@umbra/scheduler/flow";
import type { Pair, ShadowReport } from "@umbra/shadow";
import type { ConfigAnswer } from "../configuration/config-answer.ts";
import type { MirrorState } from "../mirror/mirror-gate.ts";

/** JSON answers of the admin interface, by path. Errors are `{ "error": string }` with a status other than 200. */
export interface AdminAnswers {
  readonly "/healthz": { readonly status: "alive" };
  /** If not ready: with status 503. */
  readonly "/readyz": {
    readonly status: "ready" | "not ready";
    readonly missing: readonly string[];
    /** What does not work as usual but keeps nothing from being served; absent when there is nothing. */
    readonly degraded?: readonly string[];
  };
  readonly "/v1/pools": { readonly pools: readonly PoolAnswer[] };
  /** Explains the request that the query describes. */
  readonly "/v1/explain": Explained;
  /** The configuration that is served, what is refused of it, and what each Envoy has. */
  readonly "/v1/config": ConfigAnswer;
  readonly "/v1/mirrors": { readonly mirrors: readonly MirrorState[] };
  readonly "/v1/report": {
    /** Evaluated at the time of the call. */
    readonly reports: readonly ShadowReport[];
    /** The last reports of the 16 latest evaluations that were closed before their end, newest first. */
    readonly closed: readonly ShadowReport[];
  };
  readonly "/v1/pairs": { readonly pairs: readonly Pair[] };
}

export type AdminPath = keyof AdminAnswers;

export interface PoolAnswer extends JsonOf<PoolSnapshot> {
  /** Base models listed by its endpoints. */
  readonly models: readonly string[];
  readonly adapters: readonly string[];
  readonly queue?: ReturnType<FlowQueue["snapshot"]>;
}

/** A request with the explanation of its pick. */
export interface Explained {
  readonly pool: string;
  /** The scheduler's input. */
  readonly request: InferenceRequest;
  readonly explanation: Explanation;
}

/** Sets become arrays in JSON. */
export type JsonOf<T> =
  T extends ReadonlySet<infer Item>
    ? readonly Item[]
    : T extends object
      ? { readonly [Key in keyof T]: JsonOf<T[Key]> }
      : T;
