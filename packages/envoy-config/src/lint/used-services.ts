import { ResourceMap } from "../resource-map.ts";
import type { Resources, Service } from "../resources/resources.ts";
import type { Topology } from "../topology.ts";

/** Returns the Services that a route or mirror refers to. */
export function usedServices(topology: Topology, resources: Resources): readonly Service[] {
  const used = new ResourceMap<true>();
  for (const { kind, namespace, resourceName: name } of topology.pools) {
    if (kind === "Service") used.set({ namespace, name }, true);
  }
  return resources.services.filter((each) => used.has(each));
}
