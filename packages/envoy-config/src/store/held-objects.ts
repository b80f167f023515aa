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
  /** Sorted by identity. */
  all(): readonly ReadFile[];
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
    all() {
      sorted ??= [...versions.values()]
        .flatMap((kinds) => [...kinds.values()].flatMap((held) => held.values()))
        .toSorted((a, b) => byObjectId(a.id, b.id))
        .map(({ read }) => read);
      return sorted;
    },
  };
}

/** Objects of the cluster have no namespace. */
function refOf({ namespace = "", name }: ObjectId): ResourceRef {
  return { namespace, name };
}
