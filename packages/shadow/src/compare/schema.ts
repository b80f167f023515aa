import { canonicalJson, isJsonObject, type Json, maxJsonDepth } from "./canonical-json.ts";
import {
  allOf,
  anyOf,
  broken,
  createSchemaBudget,
  kept,
  oneOf,
  type SchemaBudget,
  type SchemaCheck,
  spend,
  unchecked,
  type Work,
} from "./schema-check.ts";
import { limitChecks } from "./schema-limits.ts";

/**
 * Checks a value against a subset of JSON Schema: type, enum, const, required, properties, additionalProperties, items,
 * allOf, anyOf, oneOf, local $ref, pattern, and limits of numbers, texts, arrays and objects. A value that breaks a rule
 * is `broken`, even if other rules can't be checked. Any other value is `unchecked` if there is an unknown rule,
 * a reference that leads out of the schema or to itself, a pattern that RE2 can't search, or too much work.
 *
 * @param budget shared by the checks of one answer
 */
export function checkSchema(
  value: Json,
  schema: Json,
  budget: SchemaBudget = createSchemaBudget(),
): SchemaCheck {
  if (budget.left < 0) return unchecked;
  const work: Work = { root: schema, budget };
  const checked = checkAt(value, schema, { work, depth: 0, references: [] });
  return budget.left < 0 ? unchecked : checked;
}

/** The current place of a check. */
interface Place {
  readonly work: Work;
  readonly depth: number;
  /** References followed so far for this value. */
  readonly references: readonly string[];
}

type Schema = Readonly<Record<string, Json>>;

function checkAt(value: Json, schema: Json, place: Place): SchemaCheck {
  if (!spend(place.work, 1 + sizeOf(value)) || place.depth > maxJsonDepth) return unchecked;
  if (schema === true) return kept;
  if (schema === false) return broken("out_of_range");
  return isJsonObject(schema) ? allOf(rulesOf(value, schema, place)) : unchecked;
}

/** Steps for one rule on a value, without its elements and members. Counted because a schema may have many rules. */
function sizeOf(value: Json): number {
  if (typeof value === "string") return value.length >>> 6;
  return isJsonObject(value) ? Object.keys(value).length : 0;
}

/** Keywords that do not restrict a value. `format` is one by default. */
const annotations: ReadonlySet<string> = new Set([
  ...["title", "description", "default", "examples", "example", "format", "deprecated"],
  ...["readOnly", "writeOnly", "$schema", "$id", "$comment", "$defs", "definitions"],
]);

type CheckRule = (value: Json, schema: Schema, place: Place) => SchemaCheck;

const rules = new Map<string, CheckRule>([
  ["type", checkType],
  ["required", checkRequired],
  ["additionalProperties", checkAdditional],
  ["properties", checkProperties],
  ["items", checkItems],
  ["enum", (value, { enum: allowed }, place) => checkAmong(value, allowed, place)],
  ["const", (value, { const: only }, place) => checkAmong(value, [only], place)],
  ["allOf", (value, schema, place) => allOf(alternatives(value, schema.allOf, place))],
  ["anyOf", (value, schema, place) => anyOf(alternatives(value, schema.anyOf, place))],
  ["oneOf", (value, schema, place) => oneOf(alternatives(value, schema.oneOf, place))],
  ["$ref", checkReference],
]);

/** In the order of `rules`, so that a value has the same fault whatever the order of the schema's members. */
function* rulesOf(value: Json, schema: Schema, place: Place): Iterable<SchemaCheck> {
  const { work } = place;
  for (const [name, check] of rules) {
    if (Object.hasOwn(schema, name)) yield check(value, schema, place);
  }
  for (const name of Object.keys(schema)) {
    if (!spend(work, 1)) return;
    const check = limitChecks.get(name);
    if (check !== undefined) yield check({ value, limit: schema[name], work });
    else if (!rules.has(name) && !annotations.has(name)) yield unchecked;
  }
}

const types = new Map<Json, (value: Json) => boolean>([
  ["string", (value) => typeof value === "string"],
  ["number", (value) => typeof value === "number"],
  ["integer", (value) => Number.isInteger(value)],
  ["boolean", (value) => typeof value === "boolean"],
  ["array", Array.isArray],
  ["object", isJsonObject],
  ["null", (value) => value === null],
]);

function checkType(value: Json, { type, nullable }: Schema, { work }: Place): SchemaCheck {
  // Of OpenAPI 3.0.
  if (nullable === true && value === null) return unchecked;
  const names: readonly Json[] = Array.isArray(type) ? type : [type];
  if (!spend(work, names.length)) return unchecked;
  const tests = names.map((name) => types.get(name));
  if (tests.some((test) => test?.(value) === true)) return kept;
  return tests.includes(undefined) ? unchecked : broken("wrong_type");
}

function checkRequired(value: Json, { required }: Schema, { work }: Place): SchemaCheck {
  if (!Array.isArray(required) || !spend(work, required.length)) return unchecked;
  if (!isJsonObject(value)) return kept;
  const isMissing = (name: Json) => typeof name === "string" && !Object.hasOwn(value, name);
  return required.some(isMissing) ? broken("missing") : kept;
}

function checkAdditional(value: Json, schema: Schema, place: Place): SchemaCheck {
  if (!isJsonObject(value)) return kept;
  const { additionalProperties: rest, patternProperties } = schema;
  if (patternProperties !== undefined) return unchecked;
  const properties = isJsonObject(schema.properties) ? schema.properties : {};
  const names = Object.keys(value).filter((name) => !Object.hasOwn(properties, name));
  if (rest === false) return names.length === 0 ? kept : broken("unexpected");
  return allOf(names.map((name) => checkAt(value[name], rest, inside(place))));
}

function checkProperties(value: Json, { properties }: Schema, place: Place): SchemaCheck {
  if (!isJsonObject(properties)) return unchecked;
  if (!isJsonObject(value)) return kept;
  const names = Object.keys(value).filter((name) => Object.hasOwn(properties, name));
  return allOf(names.map((name) => checkAt(value[name], properties[name], inside(place))));
}

function checkItems(value: Json, { items, prefixItems }: Schema, place: Place): SchemaCheck {
  if (!Array.isArray(value)) return kept;
  // With either keyword, `items` does not apply to all elements.
  if (prefixItems !== undefined || Array.isArray(items)) return unchecked;
  return allOf(value.map((element: Json) => checkAt(element, items, inside(place))));
}

function inside({ work, depth }: Place): Place {
  return { work, depth: depth + 1, references: [] };
}

/** Work of comparing with an object or array, in steps. */
const comparisonWork = 1_000;

function checkAmong(value: Json, allowed: Json, { work }: Place): SchemaCheck {
  if (!Array.isArray(allowed)) return unchecked;
  if (!spend(work, allowed.length)) return unchecked;
  if (allowed.includes(value)) return kept;
  const containers = allowed.filter((each: Json) => typeof each === "object" && each !== null);
  if (typeof value !== "object" || value === null || containers.length === 0) {
    return broken("not_in_enum");
  }
  const own = canonicalJson(value);
  for (const each of containers) {
    if (own === undefined || !spend(work, comparisonWork)) return unchecked;
    const other = canonicalJson(each);
    if (other === own) return kept;
    if (other === undefined) return unchecked;
  }
  return broken("not_in_enum");
}

function alternatives(value: Json, schemas: Json, place: Place): readonly SchemaCheck[] {
  if (!Array.isArray(schemas) || schemas.length === 0) return [unchecked];
  const deeper = { ...place, depth: place.depth + 1 };
  return schemas.map((schema: Json) => checkAt(value, schema, deeper));
}

const maxReferences = 16;
const maxReferenceLength = 1_024;

function checkReference(value: Json, { $ref: reference }: Schema, place: Place): SchemaCheck {
  const { work, depth, references } = place;
  if (typeof reference !== "string" || references.includes(reference)) return unchecked;
  if (references.length >= maxReferences) return unchecked;
  const schema = referred(work.root, reference);
  if (schema === undefined) return unchecked;
  const next = { work, depth: depth + 1, references: [...references, reference] };
  return checkAt(value, schema, next);
}

/** Follows a JSON pointer inside the schema, `#` or `#/…`; undefined for any other reference. */
function referred(root: Json, reference: string): Json {
  if (reference === "#") return root;
  if (!reference.startsWith("#/") || reference.length > maxReferenceLength) return undefined;
  let at = root;
  for (const step of reference.slice(2).split("/")) {
    const name = step.replaceAll("~1", "/").replaceAll("~0", "~");
    if (!isJsonObject(at) || !Object.hasOwn(at, name)) return undefined;
    at = at[name];
  }
  return at;
}
