import { ResourceMap } from "../resource-map.ts";

type Labels = Readonly<Record<string, string>>;

/** Finds the items that a label selector matches in a namespace. A selector without labels matches nothing. */
export type SelectorIndex<T> = (namespace: string, selector: Labels) => readonly T[];

/** Indexes items by label, so that a selector is compared only with items that have its rarest label. */
export function createSelectorIndex<T extends { readonly namespace: string }>(
  items: readonly T[],
  labelsOf: (item: T) => Labels,
): SelectorIndex<T> {
  const byLabel = new ResourceMap<Map<string, T[]>>();
  for (const item of items) {
    for (const [name, value] of Object.entries(labelsOf(item))) {
      const byValue = byLabel.take({ namespace: item.namespace, name }, () => new Map());
      const known = byValue.get(value);
      if (known === undefined) byValue.set(value, [item]);
      else known.push(item);
    }
  }
  return (namespace, selector) => {
    const wanted = Object.entries(selector);
    const candidates = wanted.map(
      ([name, value]) => byLabel.get({ namespace, name })?.get(value) ?? [],
    );
    const [fewest = []] = candidates.toSorted((a, b) => a.length - b.length);
    return fewest.filter((item) => {
      const labels = labelsOf(item);
      return wanted.every(([name, value]) => labels[name] === value);
    });
  };
}
