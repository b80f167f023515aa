import { isDeepStrictEqual } from "node:util";
import type { JsonObject, ObjectChange, ObjectId } from "@umbra/kubernetes";

/** Kinds of which nothing reads the status, by API group. Their generation changes with their spec. */
const kinds: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ["gateway.networking.k8s.io", new Set(["GatewayClass", "Gateway", "HTTPRoute"])],
  ["inference.networking.k8s.io", new Set(["InferencePool"])],
  ["umbra.dev", new Set(["ShadowPolicy"])],
]);

/** Of an object: all that changes when something is read of it. */
type Shape = readonly [uid: unknown, generation: unknown, labels: unknown, annotations: unknown];

/**
 * Creates a filter of changes that leaves out those that are only in an object's status: each status that is written
 * comes back as a change, and must not make everything be resolved again.
 */
export function createStatusFilter(): (
  changes: readonly ObjectChange[],
) => readonly ObjectChange[] {
  const shapes = new Map<string, Shape>();
  const isOfStatus = (object: JsonObject): boolean => {
    const { apiVersion, kind, metadata } = object as Readonly<Record<string, unknown>>;
    const { namespace, name, uid, generation, labels, annotations } = metadata as JsonObject;
    const group = String(apiVersion).split("/")[0] ?? "";
    if (generation === undefined || kinds.get(group)?.has(String(kind)) !== true) return false;
    const key = JSON.stringify([apiVersion, kind, namespace ?? "", name]);
    const shape = [uid, generation, labels, annotations] as const;
    const isSame = isDeepStrictEqual(shapes.get(key), shape);
    shapes.set(key, shape);
    return isSame;
  };
  const forget = ({ apiVersion, kind, namespace = "", name }: ObjectId): void => {
    shapes.delete(JSON.stringify([apiVersion, kind, namespace, name]));
  };
  return (changes) =>
    changes.filter((change) => {
      if (change.type === "put") return !isOfStatus(change.object);
      forget(change.id);
      return true;
    });
}
