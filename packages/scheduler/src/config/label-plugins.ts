import { labelFilter } from "../filters/label.ts";
import { defineFilter, type Filter } from "../plugin.ts";
import type { ConfigNode } from "./node.ts";

/** Label with the stages of a request that an endpoint handles, as in the reference endpoint picker. */
const roleLabel = "llm-d.ai/role";

const roles = {
  decode: ["decode", "prefill-decode", "both", "encode-prefill-decode"],
  prefill: ["prefill", "encode-prefill", "prefill-decode", "both", "encode-prefill-decode"],
  encode: ["encode", "encode-prefill", "encode-prefill-decode"],
} as const;

/** Keeps the endpoints with a role. An endpoint without the label only decodes. */
export function roleFilter(role: keyof typeof roles): Filter {
  return labelFilter({ label: roleLabel, values: roles[role], allowMissing: role === "decode" });
}

/** Reads `by-label`: one label and its allowed values. */
export function readByLabel(parameters: ConfigNode): readonly Filter[] {
  const label = parameters.needed("label").text() ?? "";
  const values = parameters.at("validValues").texts();
  const allowMissing = parameters.at("allowsNoLabel").flag() ?? false;
  if (values.length === 0 && !allowMissing) parameters.report("has no `validValues`");
  return [labelFilter({ label, values, allowMissing })];
}

const operators = ["In", "NotIn", "Exists", "DoesNotExist"] as const;

/** Reads `label-selector-filter`: `matchLabels` and `matchExpressions`, as in Kubernetes. */
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

/** Keeps the endpoints that don't have the label, or have none of the values. */
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
