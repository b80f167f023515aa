import { isDeepStrictEqual } from "node:util";
import { asJsonMap, type JsonMap } from "../json-map.ts";
import { controllerName } from "../resources/own-gateways.ts";
import type { ObjectStatus, SharedList } from "./status-facts.ts";

/** The status to write, whole; or that it stays as it is. */
export type MergedStatus =
  | { readonly kind: "unchanged" }
  | { readonly kind: "changed"; readonly status: JsonMap };

/** The API server refuses a list with more entries. */
const maxEntries: Readonly<Record<SharedList["field"], number>> = { parents: 32, ancestors: 16 };

/**
 * Joins the present status of an object and the one it should have. Entries and conditions of other controllers stay
 * as they are, at their place. A condition keeps the time of its last change unless its status changes.
 *
 * @param present the object's status; empty if it has none
 * @param now RFC 3339, in seconds
 */
export function mergeStatus(present: JsonMap, ours: ObjectStatus, now: string): MergedStatus {
  const stamp = createStamp(ours.generation, now);
  const { shared } = ours;
  const merged: JsonMap = { ...present, ...stamp.fields(present, ours.own) };
  const status = shared === undefined ? merged : withShared(merged, present, shared, stamp);
  // A status that was never written does not become an empty one.
  const isNothing = Object.keys(present).length === 0 && isEmpty(status);
  if (isNothing || isDeepStrictEqual(status, present)) return { kind: "unchanged" };
  return { kind: "changed", status };
}

function isEmpty(status: JsonMap): boolean {
  return Object.values(status).every((each) => Array.isArray(each) && each.length === 0);
}

type Stamp = ReturnType<typeof createStamp>;

/** Returns functions that give conditions their time and generation. */
function createStamp(generation: number | undefined, now: string) {
  const stamped = (ours: JsonMap, before: JsonMap | undefined): JsonMap => ({
    ...ours,
    lastTransitionTime:
      (before?.status === ours.status ? before?.lastTransitionTime : undefined) ?? now,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  });
  const conditions = (present: unknown, ours: unknown): readonly JsonMap[] => {
    const own = new Map(mapsIn(ours).map((each) => [each.type, each]));
    const kept = mapsIn(present).flatMap((before): readonly JsonMap[] => {
      const after = own.get(before.type);
      if (after === undefined) return ownTypes.has(before.type) ? [] : [before];
      own.delete(before.type);
      return [stamped(after, before)];
    });
    return [...kept, ...[...own.values()].map((each) => stamped(each, undefined))];
  };
  const fields = (present: JsonMap, ours: JsonMap): JsonMap =>
    Object.fromEntries(
      Object.entries(ours).map(([name, value]) => {
        if (name === "conditions") return [name, conditions(present[name], value)];
        if (name === "listeners") return [name, byName(present[name], value)];
        return [name, value];
      }),
    );
  const byName = (present: unknown, ours: unknown) => {
    const known = new Map(mapsIn(present).map((each) => [each.name, each]));
    return mapsIn(ours).map((each) => fields(known.get(each.name) ?? {}, each));
  };
  return { fields };
}

/** Types of conditions that this controller sets. One that it does not set any more is removed. */
const ownTypes: ReadonlySet<unknown> = new Set([
  ...["Accepted", "Programmed", "ResolvedRefs", "Conflicted", "PartiallyInvalid"],
  "SupportedVersion",
]);

/** Replaces this controller's entries of a shared list. New ones come last. */
function withShared(
  merged: JsonMap,
  present: JsonMap,
  { field, key, entries, isRequired }: SharedList,
  stamp: Stamp,
): JsonMap {
  const waiting = new Set(entries);
  const kept = mapsIn(present[field]).flatMap((entry) => {
    if (entry.controllerName !== controllerName) return entry;
    const own = entries.find((each) => waiting.has(each) && isSameRef(each[key], entry[key]));
    if (own === undefined) return [];
    waiting.delete(own);
    return { ...stamp.fields(entry, own), [key]: entry[key] } as JsonMap;
  });
  const room = Math.max(0, maxEntries[field] - kept.length);
  const added = [...waiting].slice(0, room).map((each) => stamp.fields({}, each));
  const list = [...kept, ...added];
  const { [field]: _, ...others } = merged;
  return list.length === 0 && !isRequired ? others : { ...others, [field]: list };
}

/** Compares references. The API server fills in a group and kind. */
function isSameRef(a: unknown, b: unknown): boolean {
  const fields = ["group", "kind", "namespace", "name", "sectionName", "port"];
  const [left, right] = [asJsonMap(a), asJsonMap(b)];
  return fields.every(
    (field) => (left[field] ?? defaults.get(field)) === (right[field] ?? defaults.get(field)),
  );
}

const defaults: ReadonlyMap<string, string> = new Map([
  ["group", "gateway.networking.k8s.io"],
  ["kind", "Gateway"],
]);

function mapsIn(value: unknown): readonly JsonMap[] {
  return Array.isArray(value) ? value.map(asJsonMap) : [];
}
