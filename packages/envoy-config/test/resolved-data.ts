import { type LiveFacts, type Resolution, statusesOf } from "@umbra/envoy-config";

const nothing: LiveFacts = {
  listeners: new Map(),
  refusedRoutes: new Map(),
  verdicts: new Map(),
};

/** All that a resolution says, as data that can be compared: with the statuses in place of what they are made of. */
export function dataOf({ statusFacts, ...said }: Resolution) {
  return { ...said, statuses: statusesOf(statusFacts, nothing) };
}
