/** An HTTPRoute by name, in the form that must be tried. */
export interface UntriedRoute {
  readonly name: string;
  readonly form: string;
}

/** Groups of HTTPRoutes that must be tried, one group after the other. */
export class UntriedRoutes {
  #groups: (readonly UntriedRoute[])[] = [];

  /** The group that is tried now; empty if there is nothing to try. */
  get first(): readonly UntriedRoute[] {
    return this.#groups[0] ?? [];
  }

  get all(): readonly UntriedRoute[] {
    return this.#groups.flat();
  }

  /** To be tried after the others. */
  add(group: readonly UntriedRoute[]): void {
    if (group.length > 0) this.#groups.push(group);
  }

  /** To be tried next, in two halves. */
  halve(group: readonly UntriedRoute[]): void {
    const half = Math.ceil(group.length / 2);
    this.#groups.unshift(group.slice(0, half), group.slice(half));
  }

  /** Takes the first group away; undefined if there is none. */
  shift(): readonly UntriedRoute[] | undefined {
    return this.#groups.shift();
  }

  /** Removes the others. */
  retain(isWanted: (route: UntriedRoute) => boolean): void {
    this.#groups = this.#groups
      .map((group) => group.filter(isWanted))
      .filter(({ length }) => length > 0);
  }
}
