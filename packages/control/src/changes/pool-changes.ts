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
    ...(fields.includes("endpoints") ? [endpointWords(before.endpoints, after.endpoints)] : []),
    ...fields
      .filter((field) => field !== "endpoints" && !ofEndpoints.has(field))
      .map((field) => `${field} ${fromTo(before[field], after[field])}`),
  ];
  if (words.length === 0 && fields.length > 0)
    words.push("labels or metrics pages of endpoints changed");
  return words.length === 0 ? [] : [`pool ${after.name}: ${words.join(", ")}`];
}

/** Reported only where nothing else changes: they follow the endpoints. */
const ofEndpoints: ReadonlySet<keyof Pool> = new Set(["endpointLabels", "endpointScrape"]);

function endpointWords(before: readonly string[], after: readonly string[]): string {
  const { added, removed } = differenceOf(before, after, (each) => each);
  return [
    ...(added.length > 0 ? [`${counted(added.length, "endpoint")} added`] : []),
    ...(removed.length > 0 ? [`${counted(removed.length, "endpoint")} removed`] : []),
  ].join(", ");
}
