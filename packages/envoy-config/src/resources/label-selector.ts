import type { LabelRequirement } from "./meta.ts";
import type { Reader } from "./reader.ts";

/** Reads a label selector (`matchLabels` and `matchExpressions`) as a list of requirements. */
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

/** True if the labels meet all requirements. */
export function meets(
  labels: Readonly<Record<string, string>>,
  selector: readonly LabelRequirement[],
): boolean {
  return selector.every(({ key, operator, values }) =>
    operators[operator](Object.hasOwn(labels, key) ? labels[key] : undefined, values),
  );
}

type IsMet = (value: string | undefined, values: readonly string[]) => boolean;

const operators: Readonly<Record<LabelRequirement["operator"], IsMet>> = {
  In: (value, values) => value !== undefined && values.includes(value),
  NotIn: (value, values) => value === undefined || !values.includes(value),
  Exists: (value) => value !== undefined,
  DoesNotExist: (value) => value === undefined,
};
