import type { MirrorRewrite } from "@umbra/envoy-config";
import { editJson, type JsonEditOld, type JsonEditValue } from "@umbra/openai/json";

/** The shadow's copy of a request's body, or undefined where nothing is to be changed. */
export function rewriteBody(
  body: Uint8Array,
  request: {
    readonly path: string;
    /** As the body names it. */
    readonly model: string | undefined;
    /** As the client named it, where that is known to be another name. */
    readonly clientModel?: string | undefined;
    readonly isStream: boolean;
  },
  rewrite: MirrorRewrite,
): Uint8Array | undefined {
  const set = new Map<string, JsonEditValue>();
  for (const [name, json] of Object.entries(rewrite.set)) set.set(name, { json });
  const model = shadowModel(request.clientModel, request.model, rewrite);
  if (model !== request.model) set.set("model", { json: model });
  if (request.isStream && usagePaths.has(request.path) && !set.has("stream_options")) {
    set.set("stream_options", { from: withUsage });
  }
  const remove = new Set(rewrite.remove);
  if (set.size === 0 && remove.size === 0) return undefined;
  return editJson(body, { set, remove });
}

/** The name that the shadow knows the model by: by the client's name for it, else by that in the body. */
export function shadowModel(
  clientModel: string | undefined,
  model: string | undefined,
  { model: names }: Pick<MirrorRewrite, "model">,
): string | undefined {
  if (clientModel !== undefined && Object.hasOwn(names, clientModel)) return names[clientModel];
  return model !== undefined && Object.hasOwn(names, model) ? names[model] : model;
}

/** Formats in which a stream counts its tokens only when asked to. */
const usagePaths: ReadonlySet<string> = new Set(["/v1/chat/completions", "/v1/completions"]);

/** Options are a few words. Longer ones are replaced: to parse them would hold up all other requests. */
const maxOptionsBytes = 1_024;

/** The copy's answer is read here alone: it may carry what the client did not ask for. */
function withUsage(old: JsonEditOld | undefined): unknown {
  const options: unknown =
    old === undefined || old.bytes > maxOptionsBytes ? {} : JSON.parse(old.text());
  const isObject = typeof options === "object" && options !== null;
  if (isObject && "include_usage" in options && options.include_usage === true) return undefined;
  return { ...(isObject ? options : {}), include_usage: true };
}
