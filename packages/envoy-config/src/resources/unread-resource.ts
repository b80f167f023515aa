import type { LabelRequirement } from "./meta.ts";
import type { Place } from "./report.ts";

/** An object of a kind that Umbra does not read, with what it refers to. */
export interface UnreadResource {
  readonly group: string;
  readonly apiVersion: string;
  readonly kind: string;
  /** Empty if it has none. */
  readonly name: string;
  readonly namespace: string;
  /** Objects that it refers to. */
  readonly targets: readonly UnreadTarget[];
  /** Pod selectors. A selector without requirements matches every Pod of the namespace. */
  readonly selectors: readonly (readonly LabelRequirement[])[];
  /** Values of `host` and `hosts`. */
  readonly hosts: readonly string[];
  /** Names of the top-level fields of its spec. */
  readonly fields: readonly string[];
  /** Names of Envoy's filters in its spec. */
  readonly filters: readonly string[];
  /** True if its annotation says that something other than Umbra enforces it. */
  readonly isEnforcedElsewhere: boolean;
  /** The suggested kind, if the kind looks misspelled. */
  readonly meant?: string;
  readonly place: Place;
}

/** An object that an unread object refers to. */
export interface UnreadTarget {
  readonly relation: "targets" | "is attached to" | "refers to";
  /** Absent: the usual group of the kind. */
  readonly group?: string;
  readonly kind: string;
  /** Absent: every object that matches the `selector`. */
  readonly name?: string;
  readonly selector?: readonly LabelRequirement[];
  readonly namespace: string;
}
