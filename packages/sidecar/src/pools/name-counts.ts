/** Names that several lists have: each is there as long as one of them has it. */
export interface NameCounts {
  add(name: string): void;
  remove(name: string): void;
  readonly names: ReadonlySet<string>;
}

/** Changes by what one list adds and takes away: a pool of many endpoints must not be counted again for each. */
export function createNameCounts(): NameCounts {
  const counts = new Map<string, number>();
  const names = new Set<string>();
  return {
    names,
    add(name) {
      counts.set(name, (counts.get(name) ?? 0) + 1);
      names.add(name);
    },
    remove(name) {
      const count = (counts.get(name) ?? 0) - 1;
      if (count > 0) {
        counts.set(name, count);
        return;
      }
      counts.delete(name);
      names.delete(name);
    },
  };
}

/** The base models of adapters, by all lists; where lists differ, the one that was named first. */
export interface Parents {
  add(adapter: string, parent: string): void;
  remove(adapter: string, parent: string): void;
  of(adapter: string): string | undefined;
}

export function createParents(): Parents {
  const byAdapter = new Map<string, NameCounts>();
  return {
    add(adapter, parent) {
      let parents = byAdapter.get(adapter);
      if (parents === undefined) {
        parents = createNameCounts();
        byAdapter.set(adapter, parents);
      }
      parents.add(parent);
    },
    remove(adapter, parent) {
      const parents = byAdapter.get(adapter);
      parents?.remove(parent);
      if (parents?.names.size === 0) byAdapter.delete(adapter);
    },
    of(adapter) {
      for (const parent of byAdapter.get(adapter)?.names ?? []) return parent;
      return undefined;
    },
  };
}
