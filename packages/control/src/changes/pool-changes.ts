import type { Pool, Topology } from "@umbra/envoy-config";
import { changedFields, counted, differenceOf, fromTo } from "./words.ts";

export function poolChanges(before: Topology, after: Topology): readonly string[] {
  const { added, removed, kept } = differenceOf(before.pools, after.pools, ({ name }) => name);
  return [
    ...added.map(
      ({ name, endpoints }) => `pool ${name}: added with ${counted(endpoints.length, "endpoint")}`,
    ),
    ...removed.map(({ name }) => `pool ${name}: removed`),
    ...kept.flatMap(([old, next]) => changesOf(old, next)),
  ];
}

function changesOf(before: Pool, after: Pool): readonly string[] {
  const fields = changedFields(before, after);
  const words = [
    ...endpointWords(before, after),
    ...fields
      .filter((field) => !ofEndpoints.has(field))
      .map((field) => `${field} ${fromTo(before[field], after[field])}`),
  ];
  if (words.length === 0 && fields.length > 0)
    words.push("labels or metrics pages of endpoints changed");
  return words.length === 0 ? [] : [`pool ${after.name}: ${words.join(", ")}`];
}

/** Described by `endpointWords`, or reported only where nothing else changes. */
const ofEndpoints: ReadonlySet<keyof Pool> = new Set([
  "endpoints",
  "drainingEndpoints",
  "endpointLabels",
  "endpointScrape",
]);

function endpointWords(before: Pool, after: Pool): readonly string[] {
  const itself = (each: string) => each;
  const { added } = differenceOf(before.endpoints, after.endpoints, itself);
  const leaving = differenceOf(leavingOf(before), leavingOf(after), itself).added;
  const { removed } = differenceOf(allOf(before), allOf(after), itself);
  return [
    ...(added.length > 0 ? [`${counted(added.length, "endpoint")} added`] : []),
    ...(leaving.length > 0 ? [`${counted(leaving.length, "endpoint")} draining`] : []),
    ...(removed.length > 0 ? [`${counted(removed.length, "endpoint")} removed`] : []),
  ];
}

function leavingOf({ drainingEndpoints = [] }: Pool): readonly string[] {
  return drainingEndpoints;
}

function allOf(pool: Pool): readonly string[] {
  return [...pool.endpoints, ...leavingOf(pool)];
}
