import { labelFilter } from "../filters/label.ts";
import { defineFilter, type Filter } from "../plugin.ts";
import type { ConfigNode } from "./node.ts";

/** Which stages of a request an endpoint takes, as the reference endpoint picker has it. */
const roleLabel = "llm-d.ai/role";

const roles = {
  decode: ["decode", "prefill-decode", "both", "encode-prefill-decode"],
  prefill: ["prefill", "encode-prefill", "prefill-decode", "both", "encode-prefill-decode"],
  encode: ["encode", "encode-prefill", "encode-prefill-decode"],
} as const;

/** Keeps the endpoints with a role; without the label an endpoint decodes, and takes no other stage by itself. */
export function roleFilter(role: keyof typeof roles): Filter {
  return labelFilter({ label: roleLabel, values: roles[role], allowMissing: role === "decode" });
}

/** `by-label`: one label, and the values that it may have. */
export function readByLabel(parameters: ConfigNode): readonly Filter[] {
  const label = parameters.needed("label").text() ?? "";
  const values = parameters.at("validValues").texts();
  const allowMissing = parameters.at("allowsNoLabel").flag() ?? false;
  if (values.length === 0 && !allowMissing) parameters.report("has no `validValues`");
  return [labelFilter({ label, values, allowMissing })];
}

const operators = ["In", "NotIn", "Exists", "DoesNotExist"] as const;

/** `label-selector-filter`: `matchLabels` and `matchExpressions`, as Kubernetes has them. */
export function readLabelSelector(parameters: ConfigNode): readonly Filter[] {
  const labels = parameters.at("matchLabels");
  const equal = labels
    .keys()
    .map((label) => labelFilter({ label, values: [labels.at(label).text() ?? ""] }));
  return [...equal, ...parameters.at("matchExpressions").items().map(readExpression)];
}

function readExpression(node: ConfigNode): Filter {
  node.allowOnly(["key", "operator", "values"]);
  const key = node.needed("key").text() ?? "";
  const given = node.at("operator").text();
  const operator = operators.find((each) => each === given);
  if (operator === undefined) node.at("operator").report(`must be one of ${operators.join(", ")}`);
  const values = node.at("values").texts();
  const needsValues = operator === "In" || operator === "NotIn";
  if (needsValues && values.length === 0) node.report("has no `values`");
  switch (operator) {
    case "In":
      return labelFilter({ label: key, values });
    case "NotIn":
      return withoutLabel(key, new Set(values));
    case "DoesNotExist":
      return withoutLabel(key, undefined);
    default:
      return labelFilter({ label: key });
  }
}

/** Keeps the endpoints without the label, or with none of the values. */
function withoutLabel(label: string, values: ReadonlySet<string> | undefined): Filter {
  return defineFilter({
    name: `no-label:${label}`,
    refusal: "NO_ELIGIBLE_ENDPOINT",
    keep(_request, { labels }) {
      const value = Object.hasOwn(labels, label) ? labels[label] : undefined;
      return value === undefined || values?.has(value) === false;
    },
  });
}
