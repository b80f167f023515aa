import type { Resources } from "../resources/resources.ts";
import type { ModelServer } from "../topology.ts";
import { compare } from "./pools.ts";

interface Selecting {
  readonly namespace: string;
  readonly name: string;
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
        .flatMap((label) => byLabel.get(labelKey(namespace, label)) ?? [])
        .filter(({ selecting }) =>
          Object.entries(selecting.selector).every(([key, value]) => podLabels[key] === value),
        )
        .toSorted((a, b) => a.index - b.index);
      return {
        name: `${namespace}/${name}`,
        replicas,
        labels: podLabels,
        args,
        pools: serves.map(({ selecting }) => `${selecting.namespace}/${selecting.name}`),
      };
    })
    .toSorted((a, b) => compare(a.name, b.name));
}

interface Filed {
  readonly selecting: Selecting;
  /** In the order of the files, pools first. */
  readonly index: number;
}

function filedByLabel(all: readonly Selecting[]): ReadonlyMap<string, readonly Filed[]> {
  const keysOf = ({ namespace, selector }: Selecting) =>
    Object.entries(selector).map((label) => labelKey(namespace, label));
  const counts = new Map<string, number>();
  for (const key of all.flatMap(keysOf)) counts.set(key, (counts.get(key) ?? 0) + 1);
  const filed = new Map<string, Filed[]>();
  for (const [index, selecting] of all.entries()) {
    const count = (key: string) => counts.get(key) ?? 0;
    // One without labels selects nothing.
    const [rarest] = keysOf(selecting).toSorted((a, b) => count(a) - count(b));
    if (rarest === undefined) continue;
    const known = filed.get(rarest);
    if (known === undefined) filed.set(rarest, [{ selecting, index }]);
    else known.push({ selecting, index });
  }
  return filed;
}

function labelKey(namespace: string, [name, value]: readonly [string, string]): string {
  return JSON.stringify([namespace, name, value]);
}
