import type { Listener, Topology } from "@umbra/envoy-config";
import { changedFields, differenceOf, fromTo } from "./words.ts";

export function listenerChanges(before: Topology, after: Topology): readonly string[] {
  const { added, removed, kept } = differenceOf(before.listeners, after.listeners, nameOf);
  return [
    ...added.map((each) => `listener ${each.name}: added on port ${each.port}`),
    ...removed.map((each) => `listener ${each.name}: removed`),
    ...kept.flatMap(([old, next]) => changesOf(old, next)),
  ];
}

function changesOf(before: Listener, after: Listener): readonly string[] {
  // Routes are reported by HTTPRoute.
  const [{ virtualHosts: _, ...old }, { virtualHosts: _routes, ...next }] = [before, after];
  const words = changedFields(old, next).map(
    (field) => `${field} ${fromTo(before[field], after[field])}`,
  );
  return words.length === 0 ? [] : [`listener ${after.name}: ${words.join(", ")}`];
}

/** Listeners with TLS may share a name's port, and differ by server name. */
function nameOf({ name, tls }: Listener): string {
  return JSON.stringify([name, tls?.serverName ?? ""]);
}
