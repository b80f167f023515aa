import { type Listener, servedNames, type Topology } from "@umbra/envoy-config";
import { changedFields, differenceOf, fromTo } from "./words.ts";

export function listenerChanges(before: Topology, after: Topology): readonly string[] {
  const { added, removed, kept } = differenceOf(
    before.listeners,
    after.listeners,
    ({ name }) => name,
  );
  return [
    ...added.map((each) => `listener ${each.name}: added for ${namesOf(each)}`),
    ...removed.map((each) => `listener ${each.name}: removed`),
    ...kept.flatMap(([old, next]) => changesOf(old, next)),
  ];
}

function changesOf(before: Listener, after: Listener): readonly string[] {
  const words = changedFields(shownOf(before), shownOf(after)).map(
    (field) => `${field} ${fromTo(shownOf(before)[field], shownOf(after)[field])}`,
  );
  return words.length === 0 ? [] : [`listener ${after.name}: ${words.join(", ")}`];
}

/** Routes are reported by HTTPRoute. */
function shownOf({ virtualHosts: _, ...each }: Listener) {
  return { ...each, serves: namesOf(each) };
}

function namesOf(listener: Pick<Listener, "name" | "serves">): string {
  return servedNames(listener).join(", ");
}
