import type { ResourceRef } from "../resource-ref.ts";
import type { Place } from "./report.ts";

/** What every resource has. */
export interface Meta extends ResourceRef {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** ISO 8601; empty in files that were never applied. */
  readonly createdAt: string;
  readonly place: Place;
  /** Where an annotation's value stands; the resource's place where it has none of that name. */
  readonly annotationPlace: (name: string) => Place;
}

/** One of the things that a label selector asks for. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  readonly values: readonly string[];
}
