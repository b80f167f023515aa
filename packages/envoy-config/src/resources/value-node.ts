import type { Place } from "./report.ts";
import type { Source } from "./source.ts";

/** A value of a document, whatever the document is: a YAML text or a JSON object. */
export interface ValueNode {
  /** `unknown`: it has no value, such as a YAML alias without an anchor. */
  readonly kind: "map" | "list" | "scalar" | "unknown";
  /** The value of a scalar; undefined for anything else. */
  readonly value: unknown;
  /** Returns a map's fields by name; empty for anything else, and if the document's limits are exceeded. */
  fields(source: Source, depth?: number): ReadonlyMap<string, Field>;
  /** Returns a list's items; empty for anything else, and if the document's limits are exceeded. */
  items(source: Source, depth?: number): readonly ValueNode[];
  /** Returns a field or an item, without counting it as read. */
  child(part: string | number): ValueNode | undefined;
  place(): Place;
  /** Returns the place of a part of the text that is this value, from its place in the text alone. */
  placeInside(part: Place): Place;
}

export interface Field {
  readonly key: Pick<ValueNode, "place">;
  readonly value: ValueNode | undefined;
}

/** Returns a value as plain data, whatever its type. */
export function plainValue(node: ValueNode | undefined, source: Source, depth = 0): unknown {
  if (node?.kind === "scalar") return node.value;
  if (node?.kind === "list") {
    return node.items(source, depth).map((item) => plainValue(item, source, depth + 1));
  }
  if (node?.kind !== "map") return null;
  const entries = [...node.fields(source, depth)].map(
    ([name, { value }]) => [name, plainValue(value, source, depth + 1)] as const,
  );
  return Object.fromEntries(entries);
}
