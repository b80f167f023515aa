import type { JsonObject, SourceFile } from "@umbra/envoy-config";
import type { Kind, Resource } from "@umbra/xds";
import type { ConfigurationSourceOptions, ConfigurationUpdate } from "../configuration-update.ts";
import type { ObjectChange } from "../object-change.ts";
import type { Refusal } from "../refusals/refusal.ts";
import type { ServedBefore } from "../resolve/configurer.ts";
import type { ServedFacts, StatusChanges } from "../resolve/status-report.ts";
import type { Patch } from "./patch.ts";

/** What the thread starts with. */
export interface WorkerSetup
  extends Omit<
    ConfigurationSourceOptions,
    "onChange" | "onProblem" | "onStatuses" | "earlier" | "objects"
  > {
  readonly earlier: readonly SourceFile[];
  /** Absent at the first start, where a problem is an error. */
  readonly before?: ServedBefore;
  /** True: serve what can be served, also where the files have errors. */
  readonly isTolerant: boolean;
  /** Absent: there are only files. */
  readonly objects?: KnownObjects;
  /** Absent: no one asks for the statuses of objects. */
  readonly served?: ServedFacts;
}

/** Objects of an API server that are known when the thread starts. */
export interface KnownObjects {
  readonly objects: readonly JsonObject[];
  /** False: more are to come before anything is served. */
  readonly isSynced: boolean;
}

export type ToWorker =
  | { readonly kind: "rescan" }
  | { readonly kind: "objects"; readonly changes: readonly ObjectChange[] }
  | { readonly kind: "synced" }
  | { readonly kind: "refused"; readonly refusal: Refusal }
  | { readonly kind: "accepted"; readonly generation: number }
  | { readonly kind: "tried"; readonly version: string }
  | { readonly kind: "serves"; readonly served: ServedFacts | undefined }
  | { readonly kind: "close" };

export type FromWorker =
  | {
      readonly kind: "update";
      /** From the `SentUpdate` before to the newest. The first of a thread has all of it. */
      readonly patch: Patch;
      /** Absent: Envoy's resources are as before. */
      readonly resources?: SentResources;
    }
  | { readonly kind: "statuses"; readonly statuses: StatusChanges }
  | { readonly kind: "problem"; readonly words: string }
  /** The first scan has found that the paths can't be read. */
  | { readonly kind: "failed"; readonly message: string };

/** An update without Envoy's resources: plain data. */
export interface SentUpdate extends Omit<ConfigurationUpdate, "snapshot"> {
  /** For a thread that takes over: the texts that stale files had when they could be read. */
  readonly lastGood: readonly SourceFile[];
}

/** The kinds that differ from the update before. */
export type SentResources = Partial<Record<Kind, SentKind>>;

export interface SentKind {
  /** The names that there are. */
  readonly names: readonly string[];
  /** Those with new content. */
  readonly changed: readonly Resource[];
}
