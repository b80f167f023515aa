import { ResourceMap } from "../resource-map.ts";

type Labels = Readonly<Record<string, string>>;

/** Finds what a selector with a label selects in a namespace; one without labels selects nothing. */
export type SelectorIndex<T> = (namespace: string, selector: Labels) => readonly T[];

/** Files items under each of their labels, so that a selector is compared with those alone that have its rarest one. */
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
