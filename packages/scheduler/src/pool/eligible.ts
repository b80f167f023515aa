import type { InferenceRequest } from "../model/request.ts";
import type { Candidates } from "./candidates.ts";
import type { Member } from "./member.ts";

/**
 * The members that a request may go to at all: those that serve its model, within its subset, and not excluded. Subset
 * and exclusion hold always. Model lists and readiness may be some seconds old: where they leave nothing, first
 * readiness is ignored, then the lists, then both.
 */
export function eligible(
  members: readonly Member[],
  { all, byModel }: Candidates,
  { model, subset, exclude = [] }: InferenceRequest,
): readonly Member[] {
  const serving = byModel.size === 0 ? all : (byModel.get(model) ?? all);
  if (subset === undefined && exclude.length === 0) return serving;
  const wanted = subset === undefined ? undefined : new Set(subset);
  const allows = ({ address }: Member) =>
    (wanted === undefined || wanted.has(address) || wanted.has(hostOf(address))) &&
    !exclude.includes(address);
  const found = serving.filter(allows);
  if (found.length > 0) return found;
  const allowed = members.filter(allows);
  const holders = allowed.filter(({ models }) => models?.has(model) === true);
  if (holders.length > 0) return holders;
  const ready = allowed.filter(({ isReady }) => isReady);
  return ready.length > 0 ? ready : allowed;
}

/** `10.0.0.1` of `10.0.0.1:8000`, `[::1]` of `[::1]:8000`. */
function hostOf(address: string): string {
  const colon = address.lastIndexOf(":");
  return address.slice(0, Math.max(0, colon));
}
