import type { EnvoySettings } from "./envoy-settings.ts";
import { onceFor } from "./once-for.ts";
import { isRendered, poolsByName, primaryPoolsOf, routesOf, sharesGate } from "./queries.ts";
import { ResourceMap } from "./resource-map.ts";
import type { Mirror, Topology } from "./topology.ts";

/** Limits on the memory that a mirror's twins use in Envoy. */
export interface TwinLimits {
  /** Twins that Envoy allows at the same time. */
  readonly maxTwins: number;
  /** Largest body of a twin. A smaller buffer on its path could block the primary's upload. */
  readonly bodyBytes: number;
}

type Bounding = Pick<EnvoySettings, "maxShadowRequests" | "maxShadowBodyBytes" | "maxBodyBytes">;

/** Twins that Envoy allows above a policy's `maxInFlight`: Envoy counts a finished twin slightly longer than the sidecar does. */
const justEnded = 16;

/** Computes the limits of each rendered mirror, by name. */
export function twinLimits(
  topology: Topology,
  settings: Bounding = topology.envoy.settings,
): ReadonlyMap<string, TwinLimits> {
  const sized = sizedMirrors(topology);
  const bounds = topology.mirrors.filter(isRendered).map((mirror): [string, TwinLimits] => {
    const { maxShadowRequests, maxShadowBodyBytes, maxBodyBytes } = settings;
    const budget = mirror.policy?.budget;
    const limit = sized.has(mirror.name)
      ? (budget?.maxBodyBytes ?? maxShadowBodyBytes)
      : maxBodyBytes;
    const maxTwins = budget === undefined ? maxShadowRequests : budget.maxInFlight + justEnded;
    return [mirror.name, { maxTwins, bodyBytes: Math.min(limit, maxBodyBytes) }];
  });
  return new Map(bounds);
}

/** The mirrors whose twins have a bounded body: the sidecar does not mirror longer bodies, or the lane answers 413. */
const sizedMirrors = onceFor((topology: Topology): ReadonlySet<string> => {
  const pools = poolsByName(topology);
  const unsized = new Set(
    routesOf(topology)
      .filter(
        (route) =>
          route.pickMode === "headers" ||
          primaryPoolsOf(route).some((name) => pools.get(name)?.picker !== "umbra"),
      )
      .flatMap(({ mirrors }) => mirrors),
  );
  const buffered = new Set(bufferedMirrors(topology));
  return new Set(
    topology.mirrors
      .filter((mirror) => buffered.has(mirror) || !unsized.has(mirror.name))
      .map(({ name }) => name),
  );
});

/**
 * Groups the rendered mirrors that share a budget: the sidecar applies one budget to all mirrors of a policy, unless
 * Envoy alone samples what is mirrored.
 */
export function mirrorsByBudget(topology: Topology): readonly (readonly [Mirror, ...Mirror[]])[] {
  const pools = poolsByName(topology);
  const drawnByEnvoy = new Set(
    routesOf(topology)
      .filter((route) => primaryPoolsOf(route).some((name) => pools.get(name)?.picker !== "umbra"))
      .flatMap(({ mirrors }) => mirrors),
  );
  const groups: [Mirror, ...Mirror[]][] = [];
  // Only mirrors of one route share a budget.
  const byRoute = new ResourceMap<[Mirror, ...Mirror[]][]>();
  for (const mirror of topology.mirrors.filter(isRendered)) {
    const isHeld = mirror.policy !== undefined && !drawnByEnvoy.has(mirror.name);
    const ofRoute = byRoute.take(mirror.origin.route, () => []);
    const group = ofRoute.find(
      ([first]) => isHeld && !drawnByEnvoy.has(first.name) && sharesGate(first, mirror),
    );
    if (group === undefined) {
      const started: [Mirror] = [mirror];
      groups.push(started);
      ofRoute.push(started);
    } else group.push(mirror);
  }
  return groups;
}

/** The mirrors whose lane buffers a twin's whole body until an endpoint is picked. */
const bufferedMirrors = onceFor((topology: Topology): readonly Mirror[] => {
  const pools = poolsByName(topology);
  return topology.mirrors.filter(
    (mirror) =>
      isRendered(mirror) &&
      mirror.pickMode === "buffered" &&
      pools.get(mirror.pool)?.picker === "umbra",
  );
});

/** Extra bytes for what a policy's rewrite may add to a body. */
const rewriteRoomBytes = 65_536;

/** How much of a shadow's answer is read at once. */
export const shadowPieceBytes = 65_536;

/** How much of an answer Envoy buffers until the sidecar's recorder reads it. Above it, the answer waits. */
export const streamWindowBytes = { primary: 262_144, shadow: 262_144 } as const;

/** How much of a twin the shadow lane's listener buffers: its body if the pick needs it, and the same amount of its answer. */
export function laneBufferBytes(topology: Topology, settings?: Bounding): number {
  const bounds = twinLimits(topology, settings);
  const bodies = bufferedMirrors(topology).map(({ name }) => bounds.get(name)?.bodyBytes ?? 0);
  return Math.max(0, ...bodies) + rewriteRoomBytes;
}
