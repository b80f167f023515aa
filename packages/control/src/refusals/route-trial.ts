import { type UntriedRoute, UntriedRoutes } from "./untried-routes.ts";

/**
 * Finds the HTTPRoutes of one listener that Envoy refuses, where it is not known which ones it has accepted: Envoy may
 * serve all others, and must not lose them. So they are tried at a listener that nothing connects to: those that are
 * good so far, and one more group.
 */
export class RouteTrial {
  /** Forms of HTTPRoutes that Envoy takes, by name. */
  readonly #good = new Map<string, string>();
  readonly #untried = new UntriedRoutes();

  /** Takes HTTPRoutes that may be bad. */
  add(routes: readonly UntriedRoute[]): void {
    const known = new Map([...this.#good, ...this.#untried.all.map(pairOf)]);
    this.#untried.add(routes.filter(({ name, form }) => known.get(name) !== form));
  }

  /** Names of the HTTPRoutes that are tried together now; undefined if there is nothing left to try. */
  get names(): ReadonlySet<string> | undefined {
    const { first } = this.#untried;
    if (first.length === 0) return undefined;
    return new Set([...this.#good.keys(), ...first.map(({ name }) => name)]);
  }

  /** Removes HTTPRoutes that have changed. */
  retain(isWanted: (route: UntriedRoute) => boolean): void {
    this.#untried.retain(isWanted);
    for (const [name, form] of this.#good) if (!isWanted({ name, form })) this.#good.delete(name);
  }

  /** Envoy refuses what is tried. Returns the HTTPRoute that is to blame; undefined if it was one of several. */
  refused(): UntriedRoute | undefined {
    const group = this.#untried.shift() ?? [];
    if (group.length === 1) return group[0];
    this.#untried.halve(group);
    return undefined;
  }

  /** Envoy takes what is tried. */
  accepted(): void {
    for (const { name, form } of this.#untried.shift() ?? []) this.#good.set(name, form);
  }
}

function pairOf({ name, form }: UntriedRoute): [string, string] {
  return [name, form];
}
