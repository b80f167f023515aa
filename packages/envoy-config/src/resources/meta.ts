import type { ResourceRef } from "../resource-ref.ts";
import type { Place } from "./report.ts";

/** A resource, or a part of one. */
export interface Breakable {
  /** True if it has an error, so that it must not be served. The errors of its parts are not its own. */
  readonly isBroken?: boolean;
}

/** Metadata that every resource has. */
export interface Meta extends ResourceRef, Breakable {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** ISO 8601; empty if the resource was never applied. */
  readonly createdAt: string;
  /** Counts the changes of an API server's object; absent in files. */
  readonly generation?: number;
  readonly place: Place;
  /** Returns the place of an annotation's value, or the resource's place without such an annotation. */
  readonly annotationPlace: (name: string) => Place;
}

/** One requirement of a label selector. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  readonly values: readonly string[];
}
