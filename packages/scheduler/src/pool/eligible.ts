import type { InferenceRequest } from "../model/request.ts";
import type { Holders } from "./holders.ts";
import type { Member } from "./member.ts";

/**
 * Returns the members a request may go to: they serve its model, are in its subset, and are not excluded. Subset and
 * exclusions always apply. Model lists may be some seconds old, so they are ignored if they would leave no member.
 */
export function eligible(
  members: readonly Member[],
  holders: Holders,
  { model, subset, exclude = [] }: InferenceRequest,
): readonly Member[] {
  const serving = holders.size === 0 ? members : (holders.get(model) ?? members);
  if (subset === undefined && exclude.length === 0) return serving;
  const wanted = subset === undefined ? undefined : new Set(subset);
  const allows = ({ address }: Member) =>
    (wanted === undefined || wanted.has(address) || wanted.has(hostOf(address))) &&
    !exclude.includes(address);
  const found = serving.filter(allows);
  if (found.length > 0 || serving === members) return found;
  return members.filter(allows);
}

/** `10.0.0.1` of `10.0.0.1:8000`, `[::1]` of `[::1]:8000`. */
function hostOf(address: string): string {
  const colon = address.lastIndexOf(":");
  return address.slice(0, Math.max(0, colon));
}
