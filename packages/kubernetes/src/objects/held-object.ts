import { isJsonObject, type JsonObject, objectOf, textOf } from "./json.ts";
import { apiVersionOf, type WatchedKind } from "./watched-kind.ts";

/** Which object. */
export interface ObjectId {
  readonly apiVersion: string;
  readonly kind: string;
  /** Absent for objects of a kind without namespaces. */
  readonly namespace?: string;
  readonly name: string;
}

/** What happened to an object. */
export type ObjectChange =
  | { readonly type: "put"; readonly object: JsonObject }
  | { readonly type: "gone"; readonly id: ObjectId };

/** An object as it is kept. */
export interface HeldObject {
  readonly id: ObjectId;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly object: JsonObject;
  /** True: its kind wants nothing of it to be held. */
  readonly isUnwanted?: true;
}

const appliedAnnotation = "kubectl.kubernetes.io/last-applied-configuration";

/**
 * Deepest nesting that is kept. The API server takes up to 10,000 levels in some kinds, and an object with 3,000 can't be
 * handed to another thread: the whole batch with it would be lost.
 */
const maxLevels = 128;

/**
 * Reads one object of a list or of an event, and drops from it what nothing reads: `managedFields` and the copy that
 * `kubectl apply` keeps of it. They are about half of an object's bytes. What is nested too deep becomes `null`. Changes
 * `json` in place.
 *
 * @returns undefined when it has no name, uid or resourceVersion
 */
export function readObject(json: unknown, kind: WatchedKind): HeldObject | undefined {
  if (!isJsonObject(json)) return undefined;
  const metadata = objectOf(json, "metadata") as Record<string, unknown> | undefined;
  if (metadata === undefined) return undefined;
  const name = textOf(metadata as JsonObject, "name");
  const uid = textOf(metadata as JsonObject, "uid");
  const resourceVersion = textOf(metadata as JsonObject, "resourceVersion");
  if (name === "" || uid === "" || resourceVersion === "") return undefined;
  delete metadata.managedFields;
  const annotations = metadata.annotations;
  if (isJsonObject(annotations)) delete (annotations as Record<string, unknown>)[appliedAnnotation];
  cutBelow(json, maxLevels);
  const namespace = textOf(metadata as JsonObject, "namespace");
  const apiVersion = apiVersionOf(kind);
  // Objects of a list of a built-in kind don't say what they are.
  const whole = { ...json, apiVersion, kind: kind.kind };
  const object = kind.keep === undefined ? whole : kind.keep(whole);
  return {
    id: { apiVersion, kind: kind.kind, ...(namespace === "" ? {} : { namespace }), name },
    uid,
    resourceVersion,
    ...(object === undefined ? { object: {}, isUnwanted: true } : { object }),
  };
}

/** Leaves `levels` levels of maps and lists; deeper ones become `null`. */
function cutBelow(value: object, levels: number): void {
  for (const [key, inner] of Object.entries(value)) {
    if (typeof inner !== "object" || inner === null) continue;
    if (levels > 1) cutBelow(inner, levels - 1);
    else Object.defineProperty(value, key, { value: null });
  }
}
