import { defineFilter, type Filter } from "../plugin.ts";

export interface LabelOptions {
  /** Name of the label. */
  readonly label: string;
  /** Allowed values; any value when absent. */
  readonly values?: readonly string[];
  /** Whether endpoints without the label are kept too. */
  readonly allowMissing?: boolean;
}

/** Keeps the endpoints with a label; refuses the request if none has it. */
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
