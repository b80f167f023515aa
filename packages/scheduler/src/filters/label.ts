import { defineFilter, type Filter } from "../plugin.ts";

export interface LabelOptions {
  /** The label that is looked at. */
  readonly label: string;
  /** Values that may be; any value when absent. */
  readonly values?: readonly string[];
  /** True: endpoints without the label stay too. */
  readonly allowMissing?: boolean;
}

/** Keeps the endpoints with a label; refuses the request where none has it. */
export function labelFilter({ label, values, allowMissing = false }: LabelOptions): Filter {
  const wanted = values === undefined ? undefined : new Set(values);
  return defineFilter({
    name: `label:${label}`,
    refusal: "NO_ELIGIBLE_ENDPOINT",
    keep(_request, { labels }) {
      const value = Object.hasOwn(labels, label) ? labels[label] : undefined;
      if (value === undefined) return allowMissing;
      return wanted === undefined || wanted.has(value);
    },
  });
}
