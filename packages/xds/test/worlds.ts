import fc from "fast-check";
import type { Texts } from "./snapshots.ts";

/** What is configured: each number is a version of a cluster's, its endpoints', a listener's or its routes' content. */
export interface World {
  readonly clusters: readonly {
    readonly name: string;
    readonly version: number;
    readonly endpoints: number;
  }[];
  readonly listeners: readonly {
    readonly name: string;
    readonly version: number;
    readonly routes: number;
  }[];
  /** Names of refused content. */
  readonly bad: readonly string[];
}

const versions = fc.integer({ min: 0, max: 2 });
export const worlds: fc.Arbitrary<World> = fc.record({
  clusters: fc.uniqueArray(
    fc.record({
      name: fc.constantFrom("c0", "c1", "c2", "c3"),
      version: versions,
      endpoints: versions,
    }),
    { selector: ({ name }) => name, maxLength: 4 },
  ),
  listeners: fc.uniqueArray(
    fc.record({ name: fc.constantFrom("l0", "l1"), version: versions, routes: versions }),
    { selector: ({ name }) => name, maxLength: 2 },
  ),
  bad: fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.subarray(["c0", "c1", "l0", "r-l0", "r-l1"]) },
  ),
});

export function textsOf({ clusters, listeners, bad }: World): Texts {
  const mark = (name: string) => (bad.includes(name) ? " bad" : "");
  const all = clusters.map(({ name }) => name).join(",");
  const entries = <T>(list: readonly T[], text: (each: T) => readonly [string, string]) =>
    Object.fromEntries(list.map(text));
  return {
    cds: entries(clusters, ({ name, version }) => [
      name,
      `cluster ${name} v${version}${mark(name)}`,
    ]),
    eds: entries(clusters, ({ name, endpoints }) => [name, `endpoints ${name} v${endpoints}`]),
    lds: entries(listeners, ({ name, version }) => [
      name,
      `listener ${name} v${version} to r-${name}${mark(name)}`,
    ]),
    rds: entries(listeners, ({ name, routes }) => [
      `r-${name}`,
      `routes r-${name} v${routes} to ${all}${mark(`r-${name}`)}`,
    ]),
  };
}

/** What is refused is not compared: it is absent, or in the form that was accepted last. */
export function goodOf(texts: Readonly<Record<string, string>>, bad: readonly string[]) {
  return Object.fromEntries(
    Object.entries(texts)
      .filter(([name]) => !bad.includes(name))
      .toSorted(),
  );
}
