import type { Explanation, InferenceRequest, PoolSnapshot } from "@umbra/scheduler";
import type { FlowQueue } from "@umbra/scheduler/flow";
import type { Pair, ShadowReport } from "@umbra/shadow";
import type { MirrorState } from "../mirror/mirror-gate.ts";

/** What the admin interface answers in JSON, by the path that is read. Errors are `{ "error": string }`, with another status than 200. */
export interface AdminAnswers {
  readonly "/healthz": { readonly status: "alive" };
  /** Not ready: with the status 503. */
  readonly "/readyz": {
    readonly status: "ready" | "not ready";
    readonly missing: readonly string[];
  };
  readonly "/v1/pools": { readonly pools: readonly PoolAnswer[] };
  /** Of the request that the query describes. */
  readonly "/v1/explain": Explained;
  readonly "/v1/mirrors": { readonly mirrors: readonly MirrorState[] };
  /** Judged now. */
  readonly "/v1/report": { readonly reports: readonly ShadowReport[] };
  readonly "/v1/pairs": { readonly pairs: readonly Pair[] };
}

export type AdminPath = keyof AdminAnswers;

export interface PoolAnswer extends JsonOf<PoolSnapshot> {
  /** Base models that its endpoints list. */
  readonly models: readonly string[];
  readonly adapters: readonly string[];
  readonly queue?: ReturnType<FlowQueue["snapshot"]>;
}

/** A request, and how it would be picked. */
export interface Explained {
  readonly pool: string;
  /** As the scheduler gets it. */
  readonly request: InferenceRequest;
  readonly explanation: Explanation;
}

/** Sets have no JSON form of their own: they are arrays. */
export type JsonOf<T> =
  T extends ReadonlySet<infer Item>
    ? readonly Item[]
    : T extends object
      ? { readonly [Key in keyof T]: JsonOf<T[Key]> }
      : T;
