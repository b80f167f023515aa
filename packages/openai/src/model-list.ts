import { isModelName } from "./request/read-request.ts";

/** Models and adapters that a model server lists. */
export interface ModelList {
  readonly base: readonly string[];
  readonly adapters: readonly string[];
  /** The base model of each adapter. */
  readonly parents: ReadonlyMap<string, string>;
  /** The list's own entries as JSON text, by name. */
  readonly entries: ReadonlyMap<string, string>;
}

const maxModels = 1_000;
/**
 * Longest list that is read; a longer one would delay picks. A list of 1,000 vLLM models with long names is shorter.
 */
const maxCharacters = 1_048_576;
/** Longest entry that is kept; of a longer one only the name is kept. */
const maxEntryCharacters = 4_096;

/** Returns why a list is too long to read; undefined if it is not. */
export function modelListTooLong(text: string): string | undefined {
  return text.length > maxCharacters ? "/v1/models is longer than 1 MiB" : undefined;
}

/** Reads a model list (`GET /v1/models` of OpenAI's API, as in vLLM); undefined if the text is not one. */
export function readModelList(text: string): ModelList | undefined {
  if (modelListTooLong(text) !== undefined) return undefined;
  let list: unknown;
  try {
    list = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch {
    return undefined;
  }
  const data = (list as { data?: unknown } | null)?.data;
  if (!Array.isArray(data)) return undefined;
  const base: string[] = [];
  const adapters: string[] = [];
  const parents = new Map<string, string>();
  const entries = new Map<string, string>();
  for (const model of data.slice(0, maxModels) as unknown[]) {
    const { id, parent } = (model ?? {}) as { id?: unknown; parent?: unknown };
    if (typeof id !== "string" || !isModelName(id) || entries.has(id)) continue;
    (typeof parent === "string" ? adapters : base).push(id);
    if (typeof parent === "string") parents.set(id, parent);
    const entry = JSON.stringify(model);
    entries.set(
      id,
      entry.length > maxEntryCharacters ? JSON.stringify({ id, object: "model" }) : entry,
    );
  }
  // An empty list means that the endpoint serves nothing; unreadable entries do not.
  return data.length > 0 && entries.size === 0 ? undefined : { base, adapters, parents, entries };
}
