import type { ModelList } from "../exchange/pool-registry.ts";

const maxModels = 1_000;

/** Reads OpenAI's list of models as vLLM answers it; undefined when the text is none. */
export function readModelList(text: string): ModelList | undefined {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    return undefined;
  }
  const data = (list as { data?: unknown } | null)?.data;
  if (!Array.isArray(data)) return undefined;
  const base: string[] = [];
  const adapters: string[] = [];
  const parents = new Map<string, string>();
  for (const model of data.slice(0, maxModels) as unknown[]) {
    const { id, parent } = (model ?? {}) as { id?: unknown; parent?: unknown };
    if (typeof id !== "string") continue;
    (typeof parent === "string" ? adapters : base).push(id);
    if (typeof parent === "string") parents.set(id, parent);
  }
  return { base, adapters, parents };
}
