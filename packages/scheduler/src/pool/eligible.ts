import type { InferenceRequest } from "../model/request.ts";
import type { Member } from "./member.ts";

/** The members that a request may go to at all: within its subset, and not excluded. */
export function eligible(
  members: readonly Member[],
  { subset, exclude }: InferenceRequest,
): readonly Member[] {
  if (subset === undefined && (exclude === undefined || exclude.length === 0)) return members;
  const wanted = subset === undefined ? undefined : new Set(subset);
  const unwanted = new Set(exclude);
  return members.filter(
    ({ address }) =>
      !unwanted.has(address) &&
      (wanted === undefined || wanted.has(address) || wanted.has(hostOf(address))),
  );
}

/** `10.0.0.1` of `10.0.0.1:8000`, `[::1]` of `[::1]:8000`. */
function hostOf(address: string): string {
  const colon = address.lastIndexOf(":");
  return address.slice(0, Math.max(0, colon));
}
