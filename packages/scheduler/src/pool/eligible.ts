import type { InferenceRequest } from "../model/request.ts";
import type { Candidates } from "./candidates.ts";
import type { Member } from "./member.ts";

/**
 * The members that a request may go to at all: those that serve its model, within its subset, and not excluded. The
 * gateway's subset goes before the model lists, which may be some seconds old.
 */
export function eligible(
  members: readonly Member[],
  { all, byModel }: Candidates,
  { model, subset, exclude }: InferenceRequest,
): readonly Member[] {
  const serving = byModel.size === 0 ? all : (byModel.get(model) ?? all);
  if (subset === undefined && (exclude === undefined || exclude.length === 0)) return serving;
  const allowed = subset === undefined ? serving : within(subset, serving, members);
  if (exclude === undefined) return allowed;
  return allowed.filter(({ address }) => !exclude.includes(address));
}

function within(
  subset: readonly string[],
  serving: readonly Member[],
  members: readonly Member[],
): readonly Member[] {
  const wanted = new Set(subset);
  const isWanted = ({ address }: Member) => wanted.has(address) || wanted.has(hostOf(address));
  const found = serving.filter(isWanted);
  return found.length > 0 ? found : members.filter(isWanted);
}

/** `10.0.0.1` of `10.0.0.1:8000`, `[::1]` of `[::1]:8000`. */
function hostOf(address: string): string {
  const colon = address.lastIndexOf(":");
  return address.slice(0, Math.max(0, colon));
}
