import type { ResourceRef } from "./resource-ref.ts";

/** A problem in the resources, or something worth knowing about them. */
export interface Diagnostic {
  readonly severity: Severity;
  /** A stable code, e.g. `UMB0104`. `docs/errors.md` has a section for each. */
  readonly code: string;
  /** The problem, in lower case and without a full stop. */
  readonly message: string;
  /** How to fix it, in lower case and without a full stop. */
  readonly remedy: string;
  /** The path that the user gave; `-` for standard input, `command line` for a flag; `HTTPRoute default/chat` for an object of an API server. */
  readonly file: string;
  /** The place in an object of an API server, such as `spec.rules[0].matches`, empty for the object itself; line and column are 1 then, or those in the text at this place. Absent for a file. */
  readonly path?: string;
  /** Starts at 1. */
  readonly line: number;
  /** Starts at 1, in UTF-16 code units. */
  readonly column: number;
  /** The column after the last character of the error, if it ends on the same line. */
  readonly endColumn?: number;
  /** The source line; absent if it may contain a secret. */
  readonly sourceLine?: string;
  /** The condition that a controller would set in the resource's status. */
  readonly condition?: StatusCondition;
  /** The rule of an HTTPRoute that contains the problem. */
  readonly rule?: RuleRef;
}

/** A rule of an HTTPRoute. */
export interface RuleRef {
  readonly route: ResourceRef;
  /** Starts at 0. */
  readonly index: number;
}

/** An error stops `render`, `serve` and `up`. With a warning, Umbra serves as the message describes. An info is only for information. */
export type Severity = "error" | "warning" | "info";

/** One entry of `status.conditions`, with the names of the Gateway API and the Inference Extension. */
export interface StatusCondition {
  /** The resource with this status. */
  readonly resource: ResourceName;
  /** For a Gateway: the listener with this status. */
  readonly listener?: string;
  readonly type: ConditionType;
  readonly status: "True" | "False";
  readonly reason: ConditionReason;
  /** The condition's own message, such as `Dropped Rule 1` (the index starts at 0). */
  readonly message?: string;
}

export interface ResourceName extends ResourceRef {
  readonly kind: string;
}

export type ConditionType =
  | "Accepted"
  | "Programmed"
  | "ResolvedRefs"
  | "PartiallyInvalid"
  | "Conflicted";

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
  // Accepted and Programmed, of a Gateway
  | "UnsupportedAddress"
  | "AddressNotUsable"
  // of a Gateway's listener
  | "InvalidCertificateRef"
  | "InvalidRouteKinds"
  | "HostnameConflict"
  | "ProtocolConflict"
  // ResolvedRefs, of an InferencePool
  | "InvalidExtensionRef"
  // Accepted, of a ShadowPolicy
  | "TargetNotFound"
  | "Conflicted"
  // Accepted, of an InferenceModel
  | "ModelNameInUse";
