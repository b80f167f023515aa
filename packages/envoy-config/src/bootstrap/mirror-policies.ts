import { isRendered, mirrorsOf } from "../queries.ts";
import { wholeShare } from "../share-draw.ts";
import type { Mirror, Route, RouteShare } from "../topology.ts";
import type { EnvoyObject } from "./envoy-object.ts";
import { overwrite } from "./header-changes.ts";
import {
  destinationHeader,
  laneClusterName,
  mirrorHeader,
  mirrorToHeader,
  shadowClusterName,
} from "./names.ts";
import type { BootstrapOptions } from "./options.ts";

/** How a route's requests are mirrored. */
export interface RouteMirroring {
  readonly route: Pick<Route, "mirrors" | "share">;
  readonly mirrors: Pick<ReadonlyMap<string, Mirror>, "get">;
  /** True: the sidecar decides which requests to mirror. False: Envoy samples them. */
  readonly isPicked: boolean;
}

/** The `request_mirror_policies` of a route. */
export function mirrorPolicies(
  { route, mirrors, isPicked }: RouteMirroring,
  { plainMirror }: BootstrapOptions,
): readonly EnvoyObject[] {
  const all = mirrorsOf(route, mirrors);
  const { share = { from: 0, to: wholeShare } } = route;
  const isSampled = isPicked && !plainMirror;
  return all.filter(isRendered).map((mirror) => {
    const { name, perMillion } = mirror;
    const target = isSampled
      ? { cluster_header: mirrorToHeader(mirror) }
      : {
          cluster: plainMirror ? shadowClusterName(name) : laneClusterName(name),
          // The denominator is MILLION: Envoy uses the same random number for weights, and a denominator that shares a
          // factor with the sum of the weights would tie the mirror to one backend. The share of a route uses this
          // number too.
          runtime_fraction: {
            default_value: { numerator: within(share, perMillion), denominator: "MILLION" },
          },
        };
    return {
      ...target,
      disable_shadow_host_suffix_append: true,
      request_headers_mutations: [
        { remove: destinationHeader },
        ...(isSampled ? removals(all.map(mirrorToHeader)) : []),
        ...headerChanges(mirror),
        { append: overwrite(mirrorHeader, name) },
      ],
    };
  });
}

/** The end of the mirrored range within the random numbers of the share. */
function within({ from, to }: RouteShare, perMillion: number): number {
  return from + Math.round((perMillion * (to - from)) / wholeShare);
}

function headerChanges({ headers: { set, remove }, policy }: Mirror): readonly EnvoyObject[] {
  return [
    ...removals(remove),
    // Only Umbra reads the twin's answer.
    ...(policy === undefined ? [] : removals(["accept-encoding"])),
    ...set.map(({ name, value }) => ({ append: overwrite(name, value) })),
  ];
}

function removals(names: readonly string[]): readonly EnvoyObject[] {
  return names.map((name) => ({ remove: name }));
}
