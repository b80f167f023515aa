import type { Topology } from "@umbra/envoy-config";
import { listenerChanges } from "./listener-changes.ts";
import { poolChanges } from "./pool-changes.ts";
import { routeChanges } from "./route-changes.ts";
import { changedFields, fromTo } from "./words.ts";

/** Most changes that are named one by one. */
const maxListed = 20;

/** What differs between two topologies, in words for people. */
export function changesBetween(before: Topology, after: Topology): readonly string[] {
  const all = [
    ...listenerChanges(before, after),
    ...routeChanges(before, after),
    ...poolChanges(before, after),
    ...envoyChanges(before, after),
  ];
  if (all.length <= maxListed) return all;
  return [...all.slice(0, maxListed), `and ${all.length - maxListed} more changes`];
}

/** Envoy gets all but clusters and listeners of it at its start. */
const bootstrapWords =
  "the EnvoyProxy's bootstrap changed; outside of clusters and listeners it needs a restart";

function envoyChanges(before: Topology, after: Topology): readonly string[] {
  if (before.envoy === after.envoy) return [];
  const [old, next] = [before.envoy.settings, after.envoy.settings];
  const settings = changedFields(old, next).map(
    (name) => `setting ${name}: ${fromTo(old[name], next[name])}`,
  );
  const isSame = JSON.stringify(before.envoy.bootstrap) === JSON.stringify(after.envoy.bootstrap);
  return isSame ? settings : [...settings, bootstrapWords];
}
