import type { MirrorRewrite } from "@umbra/envoy-config";
import { editJson, type JsonEditOld, type JsonEditValue } from "@umbra/openai/json";
import type { AddedFields } from "./repeatable-twin.ts";

/** Creates the twin's body; undefined if it does not change. */
export function rewriteBody(
  body: Uint8Array,
  request: {
    readonly path: string;
    /** The model in the body. */
    readonly model: string | undefined;
    /** The client's model name, if it differs. */
    readonly clientModel?: string | undefined;
    readonly isStream: boolean;
    /** Fields that are set unless the policy sets or removes them. */
    readonly added?: AddedFields;
  },
  rewrite: MirrorRewrite,
): Uint8Array | undefined {
  const set = new Map<string, JsonEditValue>();
  for (const [name, value] of request.added ?? []) {
    if (!rewrite.remove.includes(name)) set.set(name, value);
  }
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

/** Returns the shadow's name of the model: mapped from the client's name, else from the name in the body. */
export function shadowModel(
  clientModel: string | undefined,
  model: string | undefined,
  { model: names }: Pick<MirrorRewrite, "model">,
): string | undefined {
  if (clientModel !== undefined && Object.hasOwn(names, clientModel)) return names[clientModel];
  return model !== undefined && Object.hasOwn(names, model) ? names[model] : model;
}

/** Formats whose streams report token usage only on request. */
const usagePaths: ReadonlySet<string> = new Set(["/v1/chat/completions", "/v1/completions"]);

/** Options are short. Longer ones are replaced, because parsing them would delay all other requests. */
const maxOptionsBytes = 1_024;

/** Only Umbra reads the twin's answer, so it may contain more than the client requested. */
function withUsage(old: JsonEditOld | undefined): unknown {
  const options: unknown =
    old === undefined || old.bytes > maxOptionsBytes ? {} : JSON.parse(old.text());
  const isObject = typeof options === "object" && options !== null;
  if (isObject && "include_usage" in options && options.include_usage === true) return undefined;
  return { ...(isObject ? options : {}), include_usage: true };
}
