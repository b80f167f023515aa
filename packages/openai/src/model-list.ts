import { isModelName } from "./request/read-request.ts";

/** What a model server says it serves. */
export interface ModelList {
  readonly base: readonly string[];
  readonly adapters: readonly string[];
  /** The base model of each adapter. */
  readonly parents: ReadonlyMap<string, string>;
  /** The list's own entries as JSON text, by name. */
  readonly entries: ReadonlyMap<string, string>;
}

const maxModels = 1_000;
/** A longer list is not read: it would hold up the picks. 1,000 models of vLLM, with long names, are shorter. */
const maxCharacters = 1_048_576;
/** A longer entry is shown by its name alone. */
const maxEntryCharacters = 4_096;

/** Why a list is not even tried; undefined for one of a length that is read. */
export function modelListTooLong(text: string): string | undefined {
  return text.length > maxCharacters ? "/v1/models is longer than 1 MiB" : undefined;
}

/** Reads OpenAI's list of models, `GET /v1/models`, as vLLM answers it; undefined when the text is none. */
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
  // An endpoint whose entries can't be read serves something; one with an empty list says that it serves nothing.
  return data.length > 0 && entries.size === 0 ? undefined : { base, adapters, parents, entries };
}
