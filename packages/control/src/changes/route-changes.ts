import type { Route, Topology } from "@umbra/envoy-config";
import { type OfObject, type PlacedRoute, routesByObject } from "../routes-by-object.ts";
import { changedFields, differenceOf, fromTo } from "./words.ts";

/** Reported by HTTPRoute, the object that people edit. */
export function routeChanges(before: Topology, after: Topology): readonly string[] {
  const [old, next] = [routesByObject(before), routesByObject(after)];
  return [...new Set([...next.keys(), ...old.keys()])].toSorted().flatMap((name) => {
    const words = wordsFor(old.get(name), next.get(name));
    return words.length === 0 ? [] : [`route ${name}: ${words.join(", ")}`];
  });
}

function wordsFor(before: OfObject | undefined, after: OfObject | undefined): readonly string[] {
  if (before === undefined) return ["added"];
  if (after === undefined) return ["removed"];
  if (isSame(before, after)) return [];
  return [...new Set([...mirrorWords(before, after), ...routeWords(before, after)])];
}

/** True if nothing in it has been built again. */
function isSame(before: OfObject, after: OfObject): boolean {
  return (
    before.routes.length === after.routes.length &&
    before.mirrors.length === after.mirrors.length &&
    before.mirrors.every((each, at) => each === after.mirrors[at]) &&
    before.routes.every(({ listener, domains, route }, at) => {
      const next = after.routes[at];
      return listener === next?.listener && domains === next.domains && route === next.route;
    })
  );
}

function mirrorWords(before: OfObject, after: OfObject): readonly string[] {
  const { added, removed, kept } = differenceOf(before.mirrors, after.mirrors, ({ name }) => name);
  return [
    ...added.map(({ pool }) => `mirror to ${pool} added`),
    ...removed.map(({ pool }) => `mirror to ${pool} removed`),
    ...kept.flatMap(([old, next]) =>
      changedFields(old, next).map((field) =>
        field === "perMillion"
          ? `percent ${old.perMillion / 10_000} → ${next.perMillion / 10_000}`
          : `mirror's ${field} ${fromTo(old[field], next[field])}`,
      ),
    ),
  ];
}

function routeWords(before: OfObject, after: OfObject): readonly string[] {
  const nameOf = ({ listener, domains, route }: PlacedRoute) =>
    JSON.stringify([listener, domains, route.name]);
  const { added, removed, kept } = differenceOf(before.routes, after.routes, nameOf);
  const changed = new Set(kept.flatMap(([old, next]) => changesOf(old.route, next.route)));
  return [
    ...(added.length > 0 ? [`${matches(added.length)} added`] : []),
    ...(removed.length > 0 ? [`${matches(removed.length)} removed`] : []),
    ...changed,
  ];
}

function changesOf(before: Route, after: Route): readonly string[] {
  return changedFields(before, after)
    .filter((field) => field !== "mirrors")
    .map((field) => {
      if (field === "action") return "backendRefs changed";
      return `${field} ${fromTo(before[field], after[field])}`;
    });
}

function matches(count: number): string {
  return count === 1 ? "1 match" : `${count} matches`;
}
