import type { Json } from "./canonical-json.ts";

/** `valid`: the whole answer is JSON; `fenced`: one Markdown fence around JSON; `invalid`: neither. */
export const jsonStates = ["valid", "fenced", "invalid"] as const;

export type JsonState = (typeof jsonStates)[number];

/** An answer read as JSON. `value` is an object or an array. */
export type JsonAnswer =
  | { readonly state: "valid" | "fenced"; readonly value: Json }
  | { readonly state: "invalid" };

/** Reads a normalized text as JSON: an object or an array in strict syntax, alone or in one fence. */
export function readJsonAnswer(text: string): JsonAnswer {
  const value = parsed(text);
  if (isContainer(value)) return { state: "valid", value };
  const fenced = parsed(insideFence(text) ?? "");
  return isContainer(fenced) ? { state: "fenced", value: fenced } : { state: "invalid" };
}

/** Parses JSON; undefined if the text is not JSON. */
export function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

function isContainer(json: Json): boolean {
  return typeof json === "object" && json !== null;
}

const fence = "```";

/** The content of the Markdown fence that is the whole text; undefined if it has another form. */
function insideFence(text: string): string | undefined {
  if (!text.startsWith(fence) || !text.endsWith(fence)) return undefined;
  const firstLine = text.indexOf("\n");
  const language = text.slice(fence.length, firstLine).trimEnd();
  if (firstLine === -1 || (language !== "" && language !== "json")) return undefined;
  return text.slice(firstLine + 1, -fence.length);
}
