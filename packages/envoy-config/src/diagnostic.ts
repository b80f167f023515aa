import type { ResourceRef } from "./resource-ref.ts";

/** One thing that is wrong, or worth knowing, in the resources. */
export interface Diagnostic {
  readonly severity: Severity;
  /** Stable, e.g. `UMB0104`; each has its section in `docs/errors.md`. */
  readonly code: string;
  /** What is wrong; lower case, no full stop. */
  readonly message: string;
  /** How to fix it; lower case, no full stop. */
  readonly remedy: string;
  /** As the user named it; `-` for standard input, `command line` for a flag. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 code units. */
  readonly column: number;
  /** Just behind what is meant, where that ends on the same line. */
  readonly endColumn?: number;
  /** The line itself; absent where it may hold a secret. */
  readonly sourceLine?: string;
  /** What a controller would set in the resource's status. */
  readonly condition?: StatusCondition;
  /** The rule of an HTTPRoute that it was found in. */
  readonly rule?: RuleRef;
}

/** A rule of an HTTPRoute. */
export interface RuleRef {
  readonly route: ResourceRef;
  /** From 0. */
  readonly index: number;
}

/** An error stops `render`, `serve` and `up`; a warning is served as it says; an info is for reading. */
export type Severity = "error" | "warning" | "info";

/** One entry of `status.conditions`, as the Gateway API and the Inference Extension name them. */
export interface StatusCondition {
  /** Whose status it stands in. */
  readonly resource: ResourceName;
  /** Of a Gateway: the listener whose status it is. */
  readonly listener?: string;
  readonly type: ConditionType;
  readonly status: "True" | "False";
  readonly reason: ConditionReason;
  /** What the condition itself has to say, such as `Dropped Rule 1`, counted from 0. */
  readonly message?: string;
}

export interface ResourceName extends ResourceRef {
  readonly kind: string;
}

export type ConditionType = "Accepted" | "ResolvedRefs" | "PartiallyInvalid" | "Conflicted";

export type ConditionReason =
  // Accepted, of an HTTPRoute
  | "NoMatchingParent"
  | "NoMatchingListenerHostname"
  | "NotAllowedByListeners"
  | "IncompatibleFilters"
  | "UnsupportedValue"
  // ResolvedRefs, of an HTTPRoute
  | "BackendNotFound"
  | "InvalidKind"
  | "RefNotPermitted"
  | "UnsupportedProtocol"
  // of a Gateway's listener
  | "InvalidCertificateRef"
  | "InvalidRouteKinds"
  | "HostnameConflict"
  | "ProtocolConflict"
  // ResolvedRefs, of an InferencePool
  | "InvalidExtensionRef"
  // Accepted, of an InferenceModel
  | "ModelNameInUse";
