import type { Diagnostic, ResourceName } from "../diagnostic.ts";
import { ResourceMap } from "../resource-map.ts";

/** A finding about an object's status. */
export type Told = Pick<Diagnostic, "severity" | "code" | "message" | "condition" | "rule">;

/** Findings about the status of objects. Unlike diagnostics, their number is bounded for each object, and not for all together. */
export interface ToldConditions {
  add(told: Told): void;
  /** In the order in which they were found. */
  about(object: ResourceName): readonly Told[];
}

/** Findings about one object; more add nothing new. */
const maxTold = 64;

export function createToldConditions(): ToldConditions {
  const kinds = new Map<string, ResourceMap<Told[]>>();
  return {
    add(told) {
      const { condition, rule } = told;
      const object =
        condition?.resource ??
        (rule === undefined ? undefined : { kind: "HTTPRoute", ...rule.route });
      if (object === undefined) return;
      const known = kinds.get(object.kind) ?? new ResourceMap<Told[]>();
      kinds.set(object.kind, known);
      const about = known.take(object, () => []);
      if (about.length < maxTold) about.push(told);
    },
    about: (object) => kinds.get(object.kind)?.get(object) ?? [],
  };
}
