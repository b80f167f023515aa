import { isMap, type Plain, type PlainMap } from "../plain.ts";

/**
 * Merges a message into another, as Envoy Gateway does with `type: Merge`: merges maps field by field, appends to
 * lists, and replaces everything else. List items with the same `name` are merged, so that a listener, cluster or
 * filter can be changed by its name.
 */
export function merge(base: Plain, change: Plain): Plain {
  if (isMap(base) && isMap(change)) return mergeMaps(base, change);
  if (Array.isArray(base) && Array.isArray(change)) return mergeLists(base, change);
  return change;
}

function mergeMaps(base: PlainMap, change: PlainMap): PlainMap {
  // A message of another type has other fields.
  const type = change["@type"];
  if (type !== undefined && type !== base["@type"]) return change;
  const merged = new Map<string, Plain>(Object.entries(base));
  for (const [written, value] of Object.entries(change)) {
    const field = fieldOf(written, merged);
    const old = merged.get(field);
    // In protobuf's JSON form, null means an absent field.
    if (value !== null) merged.set(field, old === undefined ? value : merge(old, value));
  }
  return Object.fromEntries(merged);
}

/** Protobuf's JSON form allows two spellings of a field name; Envoy rejects a message with both. */
function fieldOf(written: string, base: ReadonlyMap<string, Plain>): string {
  if (base.has(written)) return written;
  const snake = written.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return base.has(snake) ? snake : written;
}

function mergeLists(base: readonly Plain[], change: readonly Plain[]): readonly Plain[] {
  const merged = [...base];
  const byName = new Map(merged.map((item, index) => [nameOf(item), index] as const));
  for (const item of change) {
    const name = nameOf(item);
    const index = name === undefined ? undefined : byName.get(name);
    if (index === undefined) merged.push(item);
    else merged[index] = merge(merged[index] ?? null, item);
  }
  return merged;
}

function nameOf(item: Plain): string | undefined {
  const name = isMap(item) ? item.name : undefined;
  return typeof name === "string" ? name : undefined;
}
