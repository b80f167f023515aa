import { isJsonObject, type Json } from "./canonical-json.ts";
import { codePointsOf } from "./normalized-text.ts";
import { broken, kept, type SchemaCheck, spend, unchecked, type Work } from "./schema-check.ts";
import { compilePattern } from "./schema-pattern.ts";

/** A value, and the setting of a keyword for it. */
export interface Limited {
  readonly value: Json;
  readonly limit: Json;
  readonly work: Work;
}

type CheckLimit = (limited: Limited) => SchemaCheck;

/** Checks a limit; `measure` returns undefined for values that the keyword does not apply to. */
function limitCheck(
  measure: (value: Json) => number | undefined,
  isKept: (measured: number, limit: number) => boolean,
): CheckLimit {
  return ({ value, limit }) => {
    if (typeof limit !== "number") return unchecked;
    const measured = measure(value);
    return measured === undefined || isKept(measured, limit) ? kept : broken("out_of_range");
  };
}

const numberOf = (value: Json) => (typeof value === "number" ? value : undefined);
const lengthOf = (value: Json) =>
  typeof value === "string" ? codePointsOf(value).length : undefined;
const elementsOf = (value: Json) => (Array.isArray(value) ? value.length : undefined);
const membersOf = (value: Json) => (isJsonObject(value) ? Object.keys(value).length : undefined);
const isAtLeast = (measured: number, limit: number) => measured >= limit;
const isAtMost = (measured: number, limit: number) => measured <= limit;

/** Keywords about the size of a value. */
export const limitChecks: ReadonlyMap<string, CheckLimit> = new Map([
  ["minimum", limitCheck(numberOf, isAtLeast)],
  ["maximum", limitCheck(numberOf, isAtMost)],
  ["exclusiveMinimum", limitCheck(numberOf, (measured, limit) => measured > limit)],
  ["exclusiveMaximum", limitCheck(numberOf, (measured, limit) => measured < limit)],
  ["minLength", limitCheck(lengthOf, isAtLeast)],
  ["maxLength", limitCheck(lengthOf, isAtMost)],
  ["minItems", limitCheck(elementsOf, isAtLeast)],
  ["maxItems", limitCheck(elementsOf, isAtMost)],
  ["minProperties", limitCheck(membersOf, isAtLeast)],
  ["maxProperties", limitCheck(membersOf, isAtMost)],
  ["pattern", checkPattern],
]);

/** Compiling one takes up to a millisecond. */
const compileWork = 2_000;
/** Number of search steps that take as long as one check step. */
const searchStepsPerStep = 20;

function checkPattern({ value, limit: source, work }: Limited): SchemaCheck {
  if (typeof source !== "string") return unchecked;
  if (typeof value !== "string") return kept;
  if (!work.budget.patterns.has(source)) {
    if (!spend(work, compileWork)) return unchecked;
    work.budget.patterns.set(source, compilePattern(source));
  }
  const pattern = work.budget.patterns.get(source);
  if (pattern === undefined) return unchecked;
  const steps = (value.length * pattern.stepsPerChar) / searchStepsPerStep;
  if (!spend(work, Math.ceil(steps))) return unchecked;
  return pattern.isIn(value) ? kept : broken("out_of_range");
}
