import type { JsonObject } from "./json.ts";

/** A kind of objects to follow, and which of them. */
export interface WatchedKind {
  /** API group; "" for the core group. */
  readonly group: string;
  readonly version: string;
  /** The resource's name in paths, as in `httproutes`. */
  readonly plural: string;
  readonly kind: string;
  readonly isNamespaced: boolean;
  /** Follow only these namespaces, each by requests of its own; without it, all. */
  readonly namespaces?: readonly string[];
  /**
   * Nothing is complete without this kind: while it is absent or forbidden, the source does not count as synced.
   * Other kinds that are absent or forbidden count as having no objects.
   */
  readonly isRequired?: boolean;
  /**
   * A start does not wait for this kind for ever: where it can't be listed, it counts as having no objects after
   * `FollowLimits.optionalMs`, and its objects come when they can be listed.
   */
  readonly isOptional?: boolean;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /**
   * Returns what to hold of an object, with the same `metadata`; undefined: nothing, as if it did not exist. Without it,
   * objects are held whole. Must not throw.
   */
  readonly keep?: (object: JsonObject) => JsonObject | undefined;
}

/** A kind in one namespace, or in all: what one list and one watch cover. */
export interface Scope {
  readonly kind: WatchedKind;
  /** Absent: all namespaces, or a kind without namespaces. */
  readonly namespace?: string;
}

/** The scopes that cover `kind`. */
export function scopesOf(kind: WatchedKind): readonly Scope[] {
  if (!kind.isNamespaced || kind.namespaces === undefined) return [{ kind }];
  return [...new Set(kind.namespaces)].map((namespace) => ({ kind, namespace }));
}

/** `v1` or `group/version`. */
export function apiVersionOf({ group, version }: Pick<WatchedKind, "group" | "version">): string {
  return group === "" ? version : `${group}/${version}`;
}

/** `httproutes.gateway.networking.k8s.io`, as `kubectl` names a resource. */
export function resourceNameOf({ group, plural }: WatchedKind): string {
  return group === "" ? plural : `${plural}.${group}`;
}

/** Path below which the API server serves a group and version. */
export function groupPathOf({ group, version }: Pick<WatchedKind, "group" | "version">): string {
  return group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
}

/** Path of the list of a scope's objects. */
export function listPathOf({ kind, namespace }: Scope): string {
  const inside = namespace === undefined ? "" : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${groupPathOf(kind)}${inside}/${kind.plural}`;
}

/** Whether the API server has this group without a CRD: such a kind does not come or go. */
export function isBuiltIn({ group }: WatchedKind): boolean {
  return !group.includes(".") || builtInGroups.has(group);
}

const builtInGroups: ReadonlySet<string> = new Set([
  "admissionregistration.k8s.io",
  "apiextensions.k8s.io",
  "apiregistration.k8s.io",
  "authentication.k8s.io",
  "authorization.k8s.io",
  "certificates.k8s.io",
  "coordination.k8s.io",
  "discovery.k8s.io",
  "events.k8s.io",
  "flowcontrol.apiserver.k8s.io",
  "internal.apiserver.k8s.io",
  "networking.k8s.io",
  "node.k8s.io",
  "rbac.authorization.k8s.io",
  "resource.k8s.io",
  "scheduling.k8s.io",
  "storage.k8s.io",
]);
