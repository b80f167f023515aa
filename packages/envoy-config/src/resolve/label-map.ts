import { ResourceMap } from "../resource-map.ts";

/** Values by a label, each namespace for itself. */
export class LabelMap<T> {
  readonly #byName = new ResourceMap<Map<string, T>>();

  get(namespace: string, [name, value]: readonly [string, string]): T | undefined {
    return this.#byName.get({ namespace, name })?.get(value);
  }

  /** The label's value, which is made where there is none. */
  take(namespace: string, [name, value]: readonly [string, string], make: () => T): T {
    const byValue = this.#byName.take({ namespace, name }, () => new Map());
    const known = byValue.get(value);
    if (known !== undefined) return known;
    const made = make();
    byValue.set(value, made);
    return made;
  }
}
