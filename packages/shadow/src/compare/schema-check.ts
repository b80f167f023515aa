import type { Json } from "./canonical-json.ts";
import type { SchemaPattern } from "./schema-pattern.ts";

/** The rule of a schema that a value breaks. `out_of_range` is every rule that has no name of its own. */
export type SchemaFault = "missing" | "unexpected" | "wrong_type" | "not_in_enum" | "out_of_range";

/** States of a check. `unchecked`: the value breaks no rule that could be checked. */
export const schemaStates = ["kept", "broken", "unchecked"] as const;

export type SchemaState = (typeof schemaStates)[number];

/** Whether a value satisfies a schema. */
export type SchemaCheck =
  | { readonly state: "kept" | "unchecked" }
  | { readonly state: "broken"; readonly fault: SchemaFault };

export const kept: SchemaCheck = { state: "kept" };
export const unchecked: SchemaCheck = { state: "unchecked" };

export function broken(fault: SchemaFault): SchemaCheck {
  return { state: "broken", fault };
}

/** Step limit for the checks of one answer: rules, comparisons and search steps. About 10 ms. */
const maxWork = 50_000;

/** Budget shared by the checks of one answer: it may have many tool calls, each with a slow schema. */
export interface SchemaBudget {
  /** Steps left; negative if a check was given up. */
  left: number;
  /** Compiled patterns by their source. */
  readonly patterns: Map<string, SchemaPattern | undefined>;
}

/** Creates the budget for the checks of one answer. */
export function createSchemaBudget(): SchemaBudget {
  return { left: maxWork, patterns: new Map() };
}

/** One check. */
export interface Work {
  /** The whole schema, in which references are resolved. */
  readonly root: Json;
  readonly budget: SchemaBudget;
}

/** Takes steps from the budget; false if too few are left. */
export function spend(work: Work, steps: number): boolean {
  work.budget.left -= steps;
  return work.budget.left >= 0;
}

/** Joins checks that must all be satisfied: the first broken one decides. */
export function allOf(checks: Iterable<SchemaCheck>): SchemaCheck {
  let worst = kept;
  for (const check of checks) {
    if (check.state === "broken") return check;
    if (check.state === "unchecked") worst = check;
  }
  return worst;
}

/** Joins checks of which at least one must be satisfied. */
export function anyOf(checks: readonly SchemaCheck[]): SchemaCheck {
  const found = checks.find(({ state }) => state === "kept");
  return found ?? checks.find(({ state }) => state === "unchecked") ?? commonFault(checks);
}

/** Joins checks of which exactly one must be satisfied. */
export function oneOf(checks: readonly SchemaCheck[]): SchemaCheck {
  const keeping = checks.filter(({ state }) => state === "kept");
  if (keeping.length > 1) return broken("out_of_range");
  if (checks.some(({ state }) => state === "unchecked")) return unchecked;
  return keeping[0] ?? commonFault(checks);
}

/** The fault that all alternatives share. */
function commonFault(checks: readonly SchemaCheck[]): SchemaCheck {
  const faults = new Set(
    checks.map((check) => (check.state === "broken" ? check.fault : undefined)),
  );
  const [only] = faults;
  return broken(faults.size === 1 && only !== undefined ? only : "out_of_range");
}
