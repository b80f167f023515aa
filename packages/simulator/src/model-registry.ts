import { type ApiError, badRequest, type CompletionRequest, notFound } from "./completion.ts";
import type { SimulatorOptions } from "./options.ts";

/** The model names that a server serves. */
export interface ModelRegistry {
  /** The body of `/v1/models`. */
  list(): string;
  isAdapter(model: string): boolean;
  /** Why a request can't be served, in vLLM's words; undefined if it can. */
  refusal(request: CompletionRequest, maxModelLen: number): ApiError | undefined;
  /** Adds or removes the adapter named in the body. Returns its name. */
  change(what: "load" | "unload", body: string): string | ApiError;
}

const maxAdapters = 1_000;

export function createModelRegistry(options: SimulatorOptions): ModelRegistry {
  const base = options.servedModelNames.length > 0 ? options.servedModelNames : [options.model];
  const modules = options.enableLora ? options.loraModules : [];
  const adapters = new Map(modules.map(({ name, path }) => [name, path]));
  const created = Math.floor(Date.now() / 1_000);
  const entry = (id: string, root: string, parent: string | null) => ({
    id,
    object: "model",
    created,
    owned_by: "vllm",
    root,
    parent,
    max_model_len: parent === null ? options.maxModelLen : null,
  });

  return {
    list() {
      const data = [
        ...base.map((id) => entry(id, options.model, null)),
        ...[...adapters].map(([id, path]) => entry(id, path, base[0] ?? options.model)),
      ];
      return JSON.stringify({ object: "list", data });
    },
    isAdapter: (model) => adapters.has(model),
    refusal({ model, promptTokens }, maxModelLen) {
      if (!base.includes(model) && !adapters.has(model)) {
        return notFound(`The model \`${model}\` does not exist.`);
      }
      if (promptTokens < maxModelLen) return undefined;
      const message = `This model's maximum context length is ${maxModelLen} tokens. However, your request has ${promptTokens} input tokens.`;
      return badRequest(message);
    },
    change(what, body) {
      const name = adapterName(body);
      if (name === undefined || (what === "load" && adapters.size >= maxAdapters)) {
        const message = "`lora_name` and `lora_path` must be provided";
        return { status: 400, message, type: "InvalidUserInput" };
      }
      if (what === "load") adapters.set(name, name);
      else if (!adapters.delete(name)) {
        return notFound(`The lora adapter '${name}' cannot be found.`);
      }
      return name;
    },
  };
}

function adapterName(body: string): string | undefined {
  try {
    const { lora_name: name } = JSON.parse(body) as { lora_name?: unknown };
    return typeof name === "string" && name !== "" ? name : undefined;
  } catch {
    // Not JSON, so it contains no name.
    return undefined;
  }
}
