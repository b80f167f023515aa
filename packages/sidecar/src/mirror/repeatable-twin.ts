import type { Mirror } from "@umbra/envoy-config";
import type { JsonEditOld, JsonEditValue } from "@umbra/openai/json";
import { shareOf } from "./keyed-hash.ts";

/** Fields that a twin's body gets so that its answer can be compared better. Fields that the client has set stay. */
export type AddedFields = ReadonlyMap<string, JsonEditValue>;

const none: AddedFields = new Map();
const seeds = 2 ** 31;
/** Of each token, in the answer. */
const topLogprobs = 5;

/**
 * Returns the fields to add to a request's twins. Of the same model, all twins of a request get the same seed, so that
 * candidate and control differ by the engine and not by chance. `logprobs: shadow` asks for log probabilities.
 */
export function addedFields(
  { evaluation: { isSameModel, comparison }, policy }: Pick<Mirror, "evaluation" | "policy">,
  { requestId, path }: { readonly requestId: string; readonly path: string },
): AddedFields {
  const isChat = path === "/v1/chat/completions";
  if (!isChat && path !== "/v1/completions") return none;
  const added = new Map<string, JsonEditValue>();
  if (isSameModel === true) {
    const seed = Math.floor(shareOf("umbra seed", requestId) * seeds);
    added.set("seed", { from: (old) => (isUnset(old) ? seed : undefined) });
  }
  const wantsLogprobs = comparison?.logprobs === "shadow" && comparison.mode !== "off";
  if (wantsLogprobs && !decidesLogprobs(policy)) {
    const wanted = isChat ? true : topLogprobs;
    added.set("logprobs", { from: (old) => (isUnset(old) ? wanted : undefined) });
    if (isChat) {
      added.set("top_logprobs", { from: (old) => (isUnset(old) ? topLogprobs : undefined) });
    }
  }
  return added;
}

/** A policy that sets or removes them decides about both fields: servers refuse `top_logprobs` without `logprobs`. */
function decidesLogprobs(policy: Mirror["policy"]): boolean {
  if (policy === undefined) return false;
  const { set, remove } = policy.rewrite;
  return Object.hasOwn(set, "logprobs") || remove.includes("logprobs");
}

const longestUnset = 16;
const unset: ReadonlySet<string> = new Set(["null", "false"]);

/** True if the client has not asked for it. */
function isUnset(old: JsonEditOld | undefined): boolean {
  return old === undefined || (old.bytes <= longestUnset && unset.has(old.text().trim()));
}
