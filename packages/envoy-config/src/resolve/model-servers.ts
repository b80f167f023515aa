import { compare } from "../compare.ts";
import { type ResourceRef, resourceName } from "../resource-ref.ts";
import type { Resources } from "../resources/resources.ts";
import type { ModelServer } from "../topology.ts";
import { LabelMap } from "./label-map.ts";

interface Selecting extends ResourceRef {
  readonly selector: Readonly<Record<string, string>>;
}

/**
 * Deployments of model servers with the pools and Services that select them. Each selector is filed under the label that
 * the fewest selectors have, so that a Deployment is compared with those alone that may be meant.
 */
export function modelServers({
  deployments,
  pools,
  services,
}: Pick<Resources, "deployments" | "pools" | "services">): readonly ModelServer[] {
  const byLabel = filedByLabel([...pools, ...services]);
  return deployments
    .map(({ namespace, name, replicas, podLabels, args }) => {
      const serves = Object.entries(podLabels)
        .flatMap((label) => byLabel.get(namespace, label) ?? [])
        .filter(({ selecting }) =>
          Object.entries(selecting.selector).every(([key, value]) => podLabels[key] === value),
        )
        .toSorted((a, b) => a.index - b.index);
      return {
        name: resourceName({ namespace, name }),
        namespace,
        resourceName: name,
        replicas,
        labels: podLabels,
        args,
        pools: serves.map(({ selecting }) => resourceName(selecting)),
      };
    })
    .toSorted((a, b) => compare(a.name, b.name));
}

interface Filed {
  readonly selecting: Selecting;
  /** In the order of the files, pools first. */
  readonly index: number;
}

function filedByLabel(all: readonly Selecting[]): LabelMap<Filed[]> {
  const counts = new LabelMap<{ count: number }>();
  const countOf = ({ namespace }: Selecting, label: readonly [string, string]) =>
    counts.take(namespace, label, () => ({ count: 0 }));
  for (const each of all) {
    for (const label of Object.entries(each.selector)) countOf(each, label).count++;
  }
  const filed = new LabelMap<Filed[]>();
  for (const [index, selecting] of all.entries()) {
    // One without labels selects nothing.
    const [rarest] = Object.entries(selecting.selector).toSorted(
      (a, b) => countOf(selecting, a).count - countOf(selecting, b).count,
    );
    if (rarest === undefined) continue;
    filed.take(selecting.namespace, rarest, () => []).push({ selecting, index });
  }
  return filed;
}
