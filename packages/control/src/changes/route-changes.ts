import { type Mirror, type Route, resourceName, type Topology } from "@umbra/envoy-config";
import { changedFields, differenceOf, fromTo } from "./words.ts";

/** Reported by HTTPRoute, the object that people edit. */
export function routeChanges(before: Topology, after: Topology): readonly string[] {
  const [old, next] = [routesByObject(before), routesByObject(after)];
  return [...new Set([...next.keys(), ...old.keys()])].toSorted().flatMap((name) => {
    const words = wordsFor(old.get(name), next.get(name));
    return words.length === 0 ? [] : [`route ${name}: ${words.join(", ")}`];
  });
}

interface OfObject {
  readonly routes: readonly PlacedRoute[];
  readonly mirrors: readonly Mirror[];
}

interface PlacedRoute {
  readonly host: string;
  readonly route: Route;
}

function wordsFor(before: OfObject | undefined, after: OfObject | undefined): readonly string[] {
  if (before === undefined) return ["added"];
  if (after === undefined) return ["removed"];
  return [...new Set([...mirrorWords(before, after), ...routeWords(before, after)])];
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
  const nameOf = ({ host, route }: PlacedRoute) => JSON.stringify([host, route.name]);
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

function routesByObject(topology: Topology): ReadonlyMap<string, OfObject> {
  const all = new Map<string, { routes: PlacedRoute[]; mirrors: Mirror[] }>();
  const of = (name: string) => {
    const held = all.get(name) ?? { routes: [], mirrors: [] };
    all.set(name, held);
    return held;
  };
  for (const { virtualHosts } of topology.listeners) {
    for (const host of virtualHosts) {
      for (const route of host.routes) {
        of(resourceName(route.origin.route)).routes.push({ host: host.name, route });
      }
    }
  }
  for (const mirror of topology.mirrors) of(resourceName(mirror.origin.route)).mirrors.push(mirror);
  return all;
}

function matches(count: number): string {
  return count === 1 ? "1 match" : `${count} matches`;
}
