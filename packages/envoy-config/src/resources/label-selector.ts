import type { LabelRequirement } from "./meta.ts";
import type { Reader } from "./reader.ts";

/** Reads a label selector, `matchLabels` and `matchExpressions`, as a list of what must all be met. */
export function readLabelSelector(from: Reader): readonly LabelRequirement[] {
  const labels = Object.entries(from.texts("matchLabels")).map(
    ([key, value]): LabelRequirement => ({ key, operator: "In", values: [value] }),
  );
  const expressions = from.each("matchExpressions", (each): LabelRequirement | undefined => {
    const key = each.required("key");
    each.needs("operator");
    const operator = each.oneOf("operator", ["In", "NotIn", "Exists", "DoesNotExist"]);
    const values = each.strings("values");
    if (operator === "In" && values.length === 0) {
      each.report("error", "UMB0103", "`values` is missing");
    }
    return key === undefined || operator === undefined ? undefined : { key, operator, values };
  });
  return [...labels, ...expressions];
}

/** True where the labels meet all of it. */
export function meets(
  labels: Readonly<Record<string, string>>,
  selector: readonly LabelRequirement[],
): boolean {
  return selector.every((each) => isMet(labels, each));
}

function isMet(
  labels: Readonly<Record<string, string>>,
  { key, operator, values }: LabelRequirement,
): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
  }
}
