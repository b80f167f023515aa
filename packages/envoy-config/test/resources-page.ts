import { envoySettings, settingText } from "@umbra/envoy-config/internal";
import { type AnnotationText, annotationTexts, labelTexts } from "../src/resources/annotations.ts";
import { kindsRead } from "../src/resources/kinds.ts";

/** The part of an OpenAPI schema that our definitions use. */
export interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
  readonly pattern?: string;
}

const head = `# Resources

<!-- Written by \`UPDATE_GOLDEN=1 npm run test:unit -- resources-page\`; edit the code and deploy/crds instead. -->

What Umbra reads from files, and every field of its own kinds.
[Gateway API](../gateway-api.md) says what becomes of each field of a Gateway and an HTTPRoute.
`;

/** \`docs/reference/resources.md\`. \`policy\` is the schema of a ShadowPolicy's \`spec\`. */
export function resourcesPage(policy: Schema): string {
  return [
    head,
    "## Kinds\n",
    "Objects of other kinds are left out. `umbra check` says which, and what is missing without them.\n",
    table(
      ["group", "kinds"],
      kindsRead().map(({ group, kinds }) => [
        code(group === "" ? "core" : group),
        kinds.map(code).join(", "),
      ]),
    ),
    "\n## ShadowPolicy\n",
    "`umbra.dev/v1alpha1`. What is mirrored of an HTTPRoute, and how the shadow is judged.",
    "The definition is `deploy/crds/shadowpolicies.umbra.dev.yaml`; [examples/evaluation](https://github.com/umbra-dev/umbra/tree/main/examples/evaluation) has an example.\n",
    table(["field of `spec`", "type", "default", "meaning"], fieldsOf(policy, "")),
    "\n## EnvoySettings\n",
    "`umbra.dev/v1alpha1`. Limits and timeouts of the gateway. `--set NAME=VALUE` sets the same.\n",
    table(
      ["field of `spec`", "value", "default", "reason"],
      envoySettings.map((each) => [
        code(each.name),
        settingText(each),
        code(String(each.standard)),
        each.reason,
      ]),
    ),
    "\n## Annotations\n",
    annotationTable("annotation", annotationTexts),
    "\n## Labels\n",
    annotationTable("label", labelTexts),
    "",
  ].join("\n");
}

function annotationTable(what: string, texts: readonly AnnotationText[]): string {
  const rows = texts.map(({ name, on, values, meaning }) => [
    code(name),
    on.join(", "),
    values,
    meaning,
  ]);
  return table([what, "on", "value", "meaning"], rows);
}

/** A row for each field; those of a map follow it. */
function fieldsOf(schema: Schema, path: string): readonly (readonly string[])[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const isNeeded = schema.required?.includes(name) === true;
    const place = `${path}${name}`;
    const { inner, suffix } = innerOf(field);
    const row = [
      code(place),
      `${typeText(field)}${isNeeded ? ", required" : ""}`,
      field.default === undefined ? "" : code(valueText(field.default)),
      field.description ?? "",
    ];
    return [row, ...(inner === undefined ? [] : fieldsOf(inner, `${place}${suffix}.`))];
  });
}

function innerOf(field: Schema): { readonly inner?: Schema; readonly suffix: string } {
  if (field.properties !== undefined) return { inner: field, suffix: "" };
  if (field.items?.properties !== undefined) return { inner: field.items, suffix: "[]" };
  const { additionalProperties } = field;
  if (additionalProperties?.properties !== undefined) {
    return { inner: additionalProperties, suffix: ".NAME" };
  }
  return { suffix: "" };
}

function typeText(field: Schema): string {
  const { type = "any", enum: choices, items, additionalProperties, minimum, maximum } = field;
  if (choices !== undefined) return choices.map(code).join(", ");
  if (type === "array")
    return `list of ${items?.properties === undefined ? typeText(items ?? {}) : "maps"}`;
  if (type === "object") return additionalProperties === undefined ? "map" : "map by name";
  if (type === "string" && field.pattern?.includes("h|ms|m|s")) return "duration";
  if (minimum !== undefined && maximum !== undefined) return `${type}, ${minimum} to ${maximum}`;
  return minimum === undefined ? type : `${type}, at least ${minimum}`;
}

function valueText(value: unknown): string {
  return Array.isArray(value) ? value.join(", ") : String(value);
}

function code(text: string): string {
  return `\`${text}\``;
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(heads), `|${" --- |".repeat(heads.length)}`, ...rows.map(line)].join("\n");
}
