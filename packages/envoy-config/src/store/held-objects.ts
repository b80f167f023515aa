import type { JsonMap } from "../json-map.ts";
import { ResourceMap } from "../resource-map.ts";
import type { ResourceRef } from "../resource-ref.ts";
import { byObjectId, type ObjectId, objectId } from "../resources/object-id.ts";
import type { ReadFile } from "../resources/read-file.ts";
import { readObject } from "../resources/read-object.ts";

/** Objects of an API server, as they were last read. */
export interface HeldObjects {
  put(object: JsonMap): void;
  remove(id: ObjectId): void;
  find(sought: SoughtObject): ObjectId | undefined;
  /** Sorted by identity. */
  all(): readonly ReadFile[];
}

/** An object whose API version doesn't matter. */
export interface SoughtObject {
  readonly kind: string;
  /** Absent: the first of the kind. */
  readonly ref?: ResourceRef;
}

interface HeldObject {
  readonly id: ObjectId;
  readonly read: ReadFile;
}

export function createHeldObjects(): HeldObjects {
  const versions = new Map<string, Map<string, ResourceMap<HeldObject>>>();
  let sorted: readonly ReadFile[] | undefined;

  const of = ({ apiVersion, kind }: ObjectId) => {
    const kinds = versions.get(apiVersion) ?? new Map<string, ResourceMap<HeldObject>>();
    versions.set(apiVersion, kinds);
    const held = kinds.get(kind) ?? new ResourceMap<HeldObject>();
    kinds.set(kind, held);
    return held;
  };
  return {
    put(object) {
      const id = objectId(object);
      of(id).set(refOf(id), { id, read: readObject(object) });
      sorted = undefined;
    },
    remove(id) {
      of(id).delete(refOf(id));
      sorted = undefined;
    },
    find({ kind, ref }) {
      for (const kinds of versions.values()) {
        const held = kinds.get(kind);
        const found =
          ref === undefined ? held?.values()[0] : (held?.get(ref) ?? withoutNamespace(held, ref));
        if (found !== undefined) return found.id;
      }
      return undefined;
    },
    all() {
      sorted ??= [...versions.values()]
        .flatMap((kinds) => [...kinds.values()].flatMap((held) => held.values()))
        .toSorted((a, b) => byObjectId(a.id, b.id))
        .map(({ read }) => read);
      return sorted;
    },
  };
}

/** An object without a namespace is read as one of `default`. */
function withoutNamespace(
  held: ResourceMap<HeldObject> | undefined,
  { namespace, name }: ResourceRef,
): HeldObject | undefined {
  return namespace === "default" ? held?.get({ namespace: "", name }) : undefined;
}

/** Objects of the cluster have no namespace. */
function refOf({ namespace = "", name }: ObjectId): ResourceRef {
  return { namespace, name };
}
