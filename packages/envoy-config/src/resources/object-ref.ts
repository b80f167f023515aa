import type { Reader } from "./reader.ts";
import type { Place } from "./report.ts";

/** What names another resource. */
export interface ObjectRef {
  /** Empty for the core group. */
  readonly group: string;
  readonly kind: string;
  readonly name: string;
  readonly place: Place;
}

/** Reads a reference to a resource of a kind; undefined, and reported, where it names nothing. */
export function readObjectRef(from: Reader, kind: string | undefined): ObjectRef | undefined {
  const name = from.required("name");
  const group = from.string("group") ?? "";
  if (name === undefined || kind === undefined) return undefined;
  return { group, kind, name, place: from.place("name") };
}
