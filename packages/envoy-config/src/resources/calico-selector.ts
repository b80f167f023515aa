import type { LabelRequirement } from "./meta.ts";

/** Longer selectors are not parsed and select nothing. */
const maxLength = 1024;

export function isStringSelector(text: string): boolean {
  return text !== "" && text.length <= maxLength;
}

/**
 * Parses a Calico selector, such as `app == "vllm" && has(tier)`, into label requirements. Ignores unknown parts: it
 * is safer to assume that a policy selects a Pod than to miss it.
 */
export function readStringSelector(text: string): readonly LabelRequirement[] {
  if (text.includes("||")) return [];
  return text.split("&&").flatMap((part) => requirementOf(part.trim()) ?? []);
}

function requirementOf(part: string): LabelRequirement | undefined {
  const [, key, is, value] = /^([\w./-]+) *([=!]=) *["']([^"']*)["']$/.exec(part) ?? [];
  if (key !== undefined && value !== undefined) {
    return { key, operator: is === "==" ? "In" : "NotIn", values: [value] };
  }
  const [, of, not, list] = /^([\w./-]+) +(not +)?in *\{([^{}]*)\}$/.exec(part) ?? [];
  if (of !== undefined && list !== undefined) {
    const values = list.split(",").map((each) => each.trim().replaceAll(/["']/g, ""));
    return { key: of, operator: not === undefined ? "In" : "NotIn", values };
  }
  const [, no, name] = /^(!?)has\(([\w./-]+)\)$/.exec(part) ?? [];
  if (name === undefined) return undefined;
  return { key: name, operator: no === "!" ? "DoesNotExist" : "Exists", values: [] };
}
