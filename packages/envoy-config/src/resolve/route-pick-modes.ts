import type { MirrorPolicy } from "../mirror-policy.ts";
import { mirrorsByName, mirrorsOf, poolsByName, routesOf, servingPoolsOf } from "../queries.ts";
import { byResource } from "../resource-map.ts";
import {
  modelAnnotation,
  modelHeaderAnnotation,
  pickModeAnnotation,
} from "../resources/annotations.ts";
import type { Place, Report } from "../resources/report.ts";
import type { Resources } from "../resources/resources.ts";
import type { Mirror, PickMode, Pool, Route, Topology } from "../topology.ts";
import { pickModes } from "./pick-mode.ts";

/** Where a pool's resource stands, for what is said of its mode. */
export function poolPlaces({ pools, services }: Resources): (pool: Pool) => Place | undefined {
  const places = { InferencePool: byResource(pools), Service: byResource(services) };
  return ({ kind, namespace, resourceName: name }) =>
    places[kind].get({ namespace, name })?.annotationPlace(pickModeAnnotation);
}

type Picked = Pick<Topology, "listeners" | "mirrors" | "pools">;

/**
 * Gives routes and mirrors their modes. A route has one for all its pools, the most demanding: its shares are then
 * refused, rewritten and measured alike. A pool that can't have `headers` on a route is picked `buffered` there.
 */
export function withPickModes(
  topology: Picked,
  placeOf: (pool: Pool) => Place | undefined,
  report: Report,
): Picked {
  const { listeners, mirrors, pools } = topology;
  if (pools.every(({ pickMode }) => pickMode === "buffered")) return topology;
  const modes = createPickModes(topology, placeOf, report);
  // Findings come in the order of the routes, a route's mirrors before its pools.
  for (const route of routesOf(topology)) {
    for (const mirror of mirrorsOf(route, modes.mirrors)) modes.ofMirror(mirror);
    modes.ofRoute(route);
  }
  return {
    pools,
    mirrors: mirrors.map((mirror) => ({ ...mirror, pickMode: modes.ofMirror(mirror) })),
    listeners: listeners.map((listener) => ({
      ...listener,
      virtualHosts: listener.virtualHosts.map((host) => ({
        ...host,
        routes: host.routes.map((route) => ({ ...route, pickMode: modes.ofRoute(route) })),
      })),
    })),
  };
}

type Tell = (severity: "warning" | "info", pool: Pool, message: string, remedy: string) => void;

function createPickModes(
  topology: Picked,
  placeOf: (pool: Pool) => Place | undefined,
  report: Report,
) {
  const pools = poolsByName(topology);
  const mirrors = mirrorsByName(topology);
  const told = new Set<string>();
  const tell: Tell = (severity, pool, message, remedy) => {
    const place = placeOf(pool);
    if (place === undefined || told.has(message)) return;
    told.add(message);
    report(severity, "UMB0213", place, message, { remedy });
  };

  return {
    mirrors,

    ofMirror({ pool: name, policy }: Mirror): PickMode {
      const pool = pools.get(name);
      if (pool === undefined || pool.picker !== "umbra") return "buffered";
      return modeOf(pool, policy === undefined ? [] : [policy], "the shadow pool", tell);
    },

    ofRoute(route: Route): PickMode {
      const policies = mirrorsOf(route, mirrors).flatMap(({ policy }) => policy ?? []);
      const picked = servingPoolsOf(route)
        .flatMap((name) => pools.get(name) ?? [])
        .filter(({ picker }) => picker === "umbra");
      const modes = picked.map((pool) => modeOf(pool, policies, "pool", tell));
      const most = pickModes.findLast((mode) => modes.includes(mode)) ?? "buffered";
      for (const [index, pool] of picked.entries()) {
        if (modes[index] === most) continue;
        const message = `pool "${pool.name}" is picked \`${most}\` on route "${route.name}", as another pool of the rule asks`;
        tell(
          "info",
          pool,
          message,
          "nothing needs to be done: all shares of a rule are picked alike",
        );
      }
      return most;
    },
  };
}

/** What the pool gets of what it asks for. */
function modeOf(
  pool: Pool,
  policies: readonly MirrorPolicy[],
  whole: string,
  tell: Tell,
): PickMode {
  const mode = pool.pickMode;
  if (mode === "headers") {
    const [why, instead] = whyNotHeaders(pool, policies) ?? [];
    if (why !== undefined && instead !== undefined) {
      const message = `${whole} "${pool.name}" is picked \`buffered\`, not \`headers\`: ${why}`;
      tell("warning", pool, message, instead);
      return "buffered";
    }
    const message = `pool "${pool.name}" is picked by headers alone: scorers of prompts (prefix cache) have nothing to go by, and bodies are not checked`;
    const remedy =
      "nothing needs to be done where prompts have no beginnings in common; else leave the pool buffered";
    tell("info", pool, message, remedy);
  }
  if (mode === "duplex" && pool.failureMode === "FailOpen") {
    const message = `pool "${pool.name}" is FailOpen and picked \`duplex\`: requests with a body that are under way when the picker dies or hangs fail all the same, running answers too`;
    const remedy = "take `buffered`, in which FailOpen and the pick's time limit hold";
    tell("warning", pool, message, remedy);
  }
  return mode;
}

/** Why the body must be read, and what to do instead; undefined where it need not be. */
function whyNotHeaders(
  { modelHeader, onlyModel, rewrites }: Pool,
  [policy]: readonly MirrorPolicy[],
): readonly [why: string, remedy: string] | undefined {
  if (rewrites.length > 0) {
    return [
      "InferenceModels or InferenceModelRewrites change the model's name in the body",
      "remove the rewrites, or leave the pool buffered",
    ];
  }
  if (policy !== undefined) {
    return [
      `ShadowPolicy "${policy.name}" decides by the body which requests are mirrored, and how`,
      "leave the pool buffered while it is evaluated",
    ];
  }
  if (modelHeader !== undefined || onlyModel !== undefined) return undefined;
  return [
    "only the body names the model",
    `name the pool's one model in the annotation ${modelAnnotation}, or a header that has it in ${modelHeaderAnnotation}`,
  ];
}
