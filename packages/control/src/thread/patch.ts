/** How plain data differs from the data before: what is equal is not sent to the other thread. */
export type Patch =
  | { readonly kind: "same" }
  | { readonly kind: "value"; readonly value: unknown }
  | {
      readonly kind: "fields";
      readonly changed: readonly (readonly [string, Patch])[];
      readonly gone: readonly string[];
    }
  /** Each item by its place in the list before, with how it differs from that. */
  | { readonly kind: "items"; readonly items: readonly PatchedItem[] };

/** A place alone: the item is as it was. */
type PatchedItem = number | { readonly at: number; readonly patch: Patch };

const same: Patch = { kind: "same" };

/** How to make `after` of `before`. Both are plain data: objects, lists and primitive values. */
export function patchOf(before: unknown, after: unknown): Patch {
  if (Object.is(before, after)) return same;
  if (Array.isArray(before) && Array.isArray(after)) return patchOfLists(before, after);
  if (isRecord(before) && isRecord(after)) return patchOfRecords(before, after);
  return { kind: "value", value: after };
}

/** What `patchOf` compared. What has not changed is the same object as before. */
export function patched(before: unknown, patch: Patch): unknown {
  switch (patch.kind) {
    case "same":
      return before;
    case "value":
      return patch.value;
    case "fields": {
      const made: Record<string, unknown> = { ...(before as object) };
      for (const name of patch.gone) delete made[name];
      for (const [name, each] of patch.changed) {
        const value = patched(made[name], each);
        // A field of this name is no prototype.
        Object.defineProperty(made, name, {
          ...{ value, enumerable: true, writable: true, configurable: true },
        });
      }
      return made;
    }
    case "items": {
      const list = before as readonly unknown[];
      return patch.items.map((item) =>
        typeof item === "number" ? list[item] : patched(list[item.at], item.patch),
      );
    }
  }
}

function patchOfRecords(before: PlainRecord, after: PlainRecord): Patch {
  const changed: (readonly [string, Patch])[] = [];
  for (const [name, value] of Object.entries(after)) {
    const isNew = !Object.hasOwn(before, name);
    const patch: Patch = isNew ? { kind: "value", value } : patchOf(before[name], value);
    if (patch.kind !== "same") changed.push([name, patch]);
  }
  const gone = Object.keys(before).filter((name) => !Object.hasOwn(after, name));
  return changed.length === 0 && gone.length === 0 ? same : { kind: "fields", changed, gone };
}

function patchOfLists(before: readonly unknown[], after: readonly unknown[]): Patch {
  const places = new Map<string, number>();
  before.forEach((each, place) => {
    const name = nameOf(each);
    if (name !== undefined && !places.has(name)) places.set(name, place);
  });
  const items = after.map((each, i): PatchedItem => {
    const name = nameOf(each);
    const at = (name === undefined ? undefined : places.get(name)) ?? i;
    const patch = patchOf(before[at], each);
    return patch.kind === "same" && at < before.length ? at : { at, patch };
  });
  const isSame = items.length === before.length && items.every((item, i) => item === i);
  return isSame ? same : { kind: "items", items };
}

type PlainRecord = Readonly<Record<string, unknown>>;

/** Items with a name are found by it, wherever they are: one that is new moves the others. */
function nameOf(item: unknown): string | undefined {
  return isRecord(item) && typeof item.name === "string" ? item.name : undefined;
}

function isRecord(value: unknown): value is PlainRecord {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
