import type { EnvoySettings } from "./envoy-settings.ts";
import { isRendered, poolsByName, primaryPoolsOf, routesOf, sharesGate } from "./queries.ts";
import type { Mirror, Topology } from "./topology.ts";

/** What a mirror's copies may take of Envoy at once. */
export interface CopyBounds {
  /** Copies that Envoy lets through. */
  readonly copies: number;
  /** Largest body of a copy. A buffer on its way that takes less could hold up the primary's upload. */
  readonly bodyBytes: number;
}

type Bounding = Pick<EnvoySettings, "maxShadowRequests" | "maxShadowBodyBytes" | "maxBodyBytes">;

/** Copies beyond a policy's `maxInFlight`: one that has just ended counts in Envoy a moment longer than in the sidecar. */
const justEnded = 16;

/** The bounds of each rendered mirror, by name. */
export function copyBounds(
  topology: Topology,
  settings: Bounding = topology.envoy.settings,
): ReadonlyMap<string, CopyBounds> {
  const sized = sizedMirrors(topology);
  const bounds = topology.mirrors.filter(isRendered).map((mirror): [string, CopyBounds] => {
    const { maxShadowRequests, maxShadowBodyBytes, maxBodyBytes } = settings;
    const budget = mirror.policy?.budget;
    const limit = sized.has(mirror.name)
      ? (budget?.maxBodyBytes ?? maxShadowBodyBytes)
      : maxBodyBytes;
    const copies = budget === undefined ? maxShadowRequests : budget.maxInFlight + justEnded;
    return [mirror.name, { copies, bodyBytes: Math.min(limit, maxBodyBytes) }];
  });
  return new Map(bounds);
}

/** The mirrors whose copies have a bounded body: the sidecar mirrors no longer one, or the lane answers it 413. */
function sizedMirrors(topology: Topology): ReadonlySet<string> {
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
}

/**
 * The rendered mirrors, each with the others whose copies count together with its own: the sidecar holds all of a policy's
 * within one budget, unless Envoy alone draws what is mirrored.
 */
export function mirrorsByBudget(topology: Topology): readonly (readonly [Mirror, ...Mirror[]])[] {
  const pools = poolsByName(topology);
  const drawnByEnvoy = new Set(
    routesOf(topology)
      .filter((route) => primaryPoolsOf(route).some((name) => pools.get(name)?.picker !== "umbra"))
      .flatMap(({ mirrors }) => mirrors),
  );
  const groups: [Mirror, ...Mirror[]][] = [];
  for (const mirror of topology.mirrors.filter(isRendered)) {
    const isHeld = mirror.policy !== undefined && !drawnByEnvoy.has(mirror.name);
    const group = groups.find(
      ([first]) => isHeld && !drawnByEnvoy.has(first.name) && sharesGate(first, mirror),
    );
    if (group === undefined) groups.push([mirror]);
    else group.push(mirror);
  }
  return groups;
}

/** The mirrors whose lane holds a copy's body whole, until an endpoint is picked for it. */
function bufferedMirrors(topology: Topology): readonly Mirror[] {
  const pools = poolsByName(topology);
  return topology.mirrors.filter(
    (mirror) =>
      isRendered(mirror) &&
      mirror.pickMode === "buffered" &&
      pools.get(mirror.pool)?.picker === "umbra",
  );
}

/** Room beside a body, for what a policy's rewrite adds to it. */
const rewriteRoomBytes = 65_536;

/** What is read of a shadow's answers at once. */
export const shadowPieceBytes = 65_536;

/** What Envoy holds of an answer that the sidecar, as its recorder, has not taken; past it the answer waits. */
export const streamWindowBytes = { primary: 262_144, shadow: 262_144 } as const;

/** What the shadow lane's listener holds of a copy: its body where it is picked whole, and as much of its answer. */
export function laneBufferBytes(topology: Topology, settings?: Bounding): number {
  const bounds = copyBounds(topology, settings);
  const bodies = bufferedMirrors(topology).map(({ name }) => bounds.get(name)?.bodyBytes ?? 0);
  return Math.max(0, ...bodies) + rewriteRoomBytes;
}
