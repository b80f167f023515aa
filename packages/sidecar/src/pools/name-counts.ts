/**
 * Counts names across several lists: a name exists while at least one list has it. Updated incrementally, so that a
 * pool with many endpoints is not recounted for each change.
 */
export class NameCounts {
  readonly #counts = new Map<string, number>();
  readonly #names = new Set<string>();

  get names(): ReadonlySet<string> {
    return this.#names;
  }

  add(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
    this.#names.add(name);
  }

  remove(name: string): void {
    const count = (this.#counts.get(name) ?? 0) - 1;
    if (count > 0) {
      this.#counts.set(name, count);
      return;
    }
    this.#counts.delete(name);
    this.#names.delete(name);
  }
}

/** The base models of adapters across all lists. If lists differ, the first one wins. */
export class Parents {
  readonly #byAdapter = new Map<string, NameCounts>();

  add(adapter: string, parent: string): void {
    const parents = this.#byAdapter.get(adapter) ?? new NameCounts();
    this.#byAdapter.set(adapter, parents);
    parents.add(parent);
  }

  remove(adapter: string, parent: string): void {
    const parents = this.#byAdapter.get(adapter);
    parents?.remove(parent);
    if (parents?.names.size === 0) this.#byAdapter.delete(adapter);
  }

  of(adapter: string): string | undefined {
    for (const parent of this.#byAdapter.get(adapter)?.names ?? []) return parent;
    return undefined;
  }
}
