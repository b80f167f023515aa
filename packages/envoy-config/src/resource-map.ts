import type { ResourceRef } from "./resource-ref.ts";

/** Values by resource name. Use one map per kind. */
export class ResourceMap<T> {
  readonly #namespaces = new Map<string, Map<string, T>>();

  get({ namespace, name }: ResourceRef): T | undefined {
    return this.#namespaces.get(namespace)?.get(name);
  }

  has({ namespace, name }: ResourceRef): boolean {
    return this.#namespaces.get(namespace)?.has(name) === true;
  }

  set({ namespace, name }: ResourceRef, value: T): void {
    const known = this.#namespaces.get(namespace);
    if (known === undefined) this.#namespaces.set(namespace, new Map([[name, value]]));
    else known.set(name, value);
  }

  /** False if there was none. */
  delete({ namespace, name }: ResourceRef): boolean {
    const known = this.#namespaces.get(namespace);
    const isGone = known?.delete(name) === true;
    if (known?.size === 0) this.#namespaces.delete(namespace);
    return isGone;
  }

  /** Returns the value, and creates it if there is none. */
  take(resource: ResourceRef, make: () => T): T {
    const known = this.get(resource);
    if (known !== undefined) return known;
    const made = make();
    this.set(resource, made);
    return made;
  }

  values(): readonly T[] {
    return [...this.#namespaces.values()].flatMap((names) => [...names.values()]);
  }

  /** Names in the order of their first use. */
  namesIn(namespace: string): readonly string[] {
    return [...(this.#namespaces.get(namespace)?.keys() ?? [])];
  }
}

/** Maps resources by name. The last one with a name wins. */
export function byResource<T extends ResourceRef>(resources: Iterable<T>): ResourceMap<T> {
  const map = new ResourceMap<T>();
  for (const each of resources) map.set(each, each);
  return map;
}

/** Groups items by resource, in their order. */
export function groupByResource<T>(
  items: Iterable<T>,
  resourceOf: (item: T) => ResourceRef,
): ResourceMap<T[]> {
  const map = new ResourceMap<T[]>();
  for (const each of items) map.take(resourceOf(each), () => []).push(each);
  return map;
}
