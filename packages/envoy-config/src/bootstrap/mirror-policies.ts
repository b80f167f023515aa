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

/** How a route's copies are made. */
export interface RouteMirroring {
  readonly route: Pick<Route, "mirrors" | "share">;
  readonly mirrors: ReadonlyMap<string, Mirror>;
  /** The sidecar decides which requests are mirrored; else Envoy draws them. */
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
          // Over MILLION: Envoy draws weights from the same random number, and bases that share a factor
          // with a weight sum tie the mirror to one backend. A route's share is drawn by it too.
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

/** Of the numbers that the share's requests have drawn, the end of those that are mirrored. */
function within({ from, to }: RouteShare, perMillion: number): number {
  return from + Math.round((perMillion * (to - from)) / wholeShare);
}

function headerChanges({ headers: { set, remove }, policy }: Mirror): readonly EnvoyObject[] {
  return [
    ...removals(remove),
    // The copy's answer is read here, and nowhere else.
    ...(policy === undefined ? [] : removals(["accept-encoding"])),
    ...set.map(({ name, value }) => ({ append: overwrite(name, value) })),
  ];
}

function removals(names: readonly string[]): readonly EnvoyObject[] {
  return names.map((name) => ({ remove: name }));
}
