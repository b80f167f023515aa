import type { LabelRequirement } from "./meta.ts";
import type { Place } from "./report.ts";

/** An object of a kind that Umbra does not read, and what it is about. */
export interface UnreadResource {
  readonly group: string;
  readonly apiVersion: string;
  readonly kind: string;
  /** Empty where it has none. */
  readonly name: string;
  readonly namespace: string;
  /** Objects that it names. */
  readonly targets: readonly UnreadTarget[];
  /** Selectors of Pods; one without a requirement is met by every Pod of the namespace. */
  readonly selectors: readonly (readonly LabelRequirement[])[];
  /** Values of `host` and `hosts`. */
  readonly hosts: readonly string[];
  /** Names of the upper fields of its spec. */
  readonly fields: readonly string[];
  /** Names of Envoy's filters in its spec. */
  readonly filters: readonly string[];
  /** Its annotation says that what it asks for is enforced without Umbra. */
  readonly isEnforcedElsewhere: boolean;
  /** How to write what was probably meant, where the kind looks like a slip. */
  readonly meant?: string;
  readonly place: Place;
}

/** An object that an unread one names. */
export interface UnreadTarget {
  readonly relation: "targets" | "is attached to" | "refers to";
  /** Absent: the group that the kind usually has. */
  readonly group?: string;
  readonly kind: string;
  /** Absent: every object that meets the `selector`. */
  readonly name?: string;
  readonly selector?: readonly LabelRequirement[];
  readonly namespace: string;
}
