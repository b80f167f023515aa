import {
  type Diagnostic,
  primaryClusterName,
  resourceName,
  shadowClusterName,
  socketName,
  type Topology,
} from "@umbra/envoy-config";
import { nounOf, shownMessage } from "@umbra/xds";
import { finding } from "../resolve/finding.ts";
import type { FilePlace, Sought } from "../resolve/places.ts";
import type { Quarantine } from "./quarantine.ts";
import type { Refusal } from "./refusal.ts";

/** What Envoy refuses, with the resource in the files and Envoy's words. */
export function refusalFindings(
  { refusedRoutes, refusedResources }: Pick<Quarantine, "refusedRoutes" | "refusedResources">,
  topology: Topology,
  placeOf: (sought: Sought) => FilePlace,
): readonly Diagnostic[] {
  const routes = refusedRoutes.map(({ ref, hasEarlier, message }) => {
    const effect = hasEarlier ? "its last accepted form is served" : "it is not served";
    return finding(
      "UMB0502",
      `Envoy refuses HTTPRoute ${resourceName(ref)}, and ${effect}: ${message}`,
      placeOf({ resource: { kind: "HTTPRoute", ...ref } }),
    );
  });
  const others = refusedResources.map((refusal) => {
    const { words, sought } = ownerOf(refusal, topology);
    const message = `Envoy refuses ${words}, and ${effectOf(refusal)}: ${shownMessage(refusal.kind, refusal.message)}`;
    return finding("UMB0502", message, placeOf(sought));
  });
  return [...routes, ...others];
}

function effectOf({ hasEarlierForm }: Refusal): string {
  if (hasEarlierForm === undefined) return "an earlier form is served if it has one";
  return hasEarlierForm ? "what it has accepted last is served" : "it has no earlier form to serve";
}

interface Owner {
  readonly words: string;
  readonly sought: Sought;
}

/** The resource that Envoy's resource was made of. */
function ownerOf({ kind, name }: Refusal, { pools, mirrors, listeners }: Topology): Owner {
  const pool = pools.find((each) => primaryClusterName(each.name) === name);
  if (pool !== undefined) {
    const { namespace, resourceName: own } = pool;
    const resource = { kind: pool.kind, namespace, name: own };
    return { words: `${pool.kind} ${resourceName(resource)}`, sought: { resource } };
  }
  const mirror = mirrors.find((each) => shadowClusterName(each.name) === name);
  if (mirror !== undefined) {
    const resource = { kind: "HTTPRoute", ...mirror.origin.route };
    return { words: `a mirror of HTTPRoute ${resourceName(resource)}`, sought: { resource } };
  }
  const words = `${nounOf(kind)} "${name}"`;
  const listener = listeners.find((each) => each.name === name || socketName(each) === name);
  const gateway = listener?.serves[0]?.gateway;
  if (gateway === undefined || (kind !== "lds" && kind !== "rds")) {
    return { words, sought: { text: name } };
  }
  const resource = { kind: "Gateway", ...gateway };
  return { words: `${words} of Gateway ${resourceName(gateway)}`, sought: { resource } };
}
