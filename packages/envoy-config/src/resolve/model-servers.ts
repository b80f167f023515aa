import { compare } from "../compare.ts";
import { resourceName } from "../resource-ref.ts";
import type { Resources } from "../resources/resources.ts";
import type { ModelServer } from "../topology.ts";
import { createSelectorIndex } from "./selector-index.ts";

/** Returns the Deployments of model servers with the pools and Services that select them. */
export function modelServers({
  deployments,
  pools,
  services,
}: Pick<Resources, "deployments" | "pools" | "services">): readonly ModelServer[] {
  const selectedBy = createSelectorIndex(deployments, ({ podLabels }) => podLabels);
  const serves = new Map(deployments.map((each): [object, string[]] => [each, []]));
  for (const selecting of [...pools, ...services]) {
    for (const deployment of selectedBy(selecting.namespace, selecting.selector)) {
      serves.get(deployment)?.push(resourceName(selecting));
    }
  }
  return deployments
    .map((deployment) => {
      const { namespace, name, replicas, podLabels, args } = deployment;
      return {
        name: resourceName(deployment),
        ...{ namespace, resourceName: name, replicas, labels: podLabels, args },
        pools: serves.get(deployment) ?? [],
      };
    })
    .toSorted((a, b) => compare(a.name, b.name));
}
