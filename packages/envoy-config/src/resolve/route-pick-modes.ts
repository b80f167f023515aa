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
import type { Mirror, PickMode, Pool, Route, Topology, VirtualHost } from "../topology.ts";
import { pickModes } from "./pick-mode.ts";

/** The places of pool resources, for diagnostics about their pick modes. */
export function poolPlaces({ pools, services }: Resources): (pool: Pool) => Place | undefined {
  const places = { InferencePool: byResource(pools), Service: byResource(services) };
  return ({ kind, namespace, resourceName: name }) =>
    places[kind].get({ namespace, name })?.annotationPlace(pickModeAnnotation);
}

type Picked = Pick<Topology, "listeners" | "mirrors" | "pools">;

/**
 * Sets the pick modes of routes and mirrors. All pools of a route use the most demanding mode, so that all shares are
 * rejected, rewritten and measured in the same way. If `headers` is not possible for a pool on a route, it is picked
 * in mode `buffered` there.
 */
export function withPickModes(
  topology: Picked,
  placeOf: (pool: Pool) => Place | undefined,
  report: Report,
): Picked {
  const { listeners, mirrors, pools } = topology;
  if (pools.every(({ pickMode }) => pickMode === "buffered")) return topology;
  const modes = createPickModes(topology, placeOf, report);
  // Diagnostics are in the order of the routes, with a route's mirrors before its pools.
  for (const route of routesOf(topology)) {
    for (const mirror of mirrorsOf(route, modes.mirrors)) modes.ofMirror(mirror);
    modes.ofRoute(route);
  }
  return {
    pools,
    mirrors: mirrors.map((mirror) => {
      const pickMode = modes.ofMirror(mirror);
      return mirror.pickMode === pickMode ? mirror : { ...mirror, pickMode };
    }),
    listeners: listeners.map((listener) => ({
      ...listener,
      virtualHosts: listener.virtualHosts.map((host) =>
        hostWith(
          host,
          host.routes.map((route) => routeWith(route, modes.ofRoute(route))),
        ),
      ),
    })),
  };
}

/** What routes and hosts became: one that has not changed stays the same object, and is rendered only once. */
const changedRoutes = new WeakMap<Route, Route>();
const changedHosts = new WeakMap<VirtualHost, VirtualHost>();

function routeWith(route: Route, pickMode: PickMode): Route {
  if (route.pickMode === pickMode) return route;
  const known = changedRoutes.get(route);
  if (known?.pickMode === pickMode) return known;
  const made = { ...route, pickMode };
  changedRoutes.set(route, made);
  return made;
}

/** @param routes a list as long as the host's own */
function hostWith(host: VirtualHost, routes: readonly Route[]): VirtualHost {
  const known = [host, changedHosts.get(host)].find((each) =>
    each?.routes.every((route, at) => route === routes[at]),
  );
  if (known !== undefined) return known;
  const made = { ...host, routes };
  changedHosts.set(host, made);
  return made;
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
        const message = `pool "${pool.name}" uses pick mode \`${most}\` on route "${route.name}", because another pool of the rule needs it`;
        tell(
          "info",
          pool,
          message,
          "no action needed: all backends of a rule use the same pick mode",
        );
      }
      return most;
    },
  };
}

/** Returns the mode that the pool gets. */
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
      const message = `${whole} "${pool.name}" uses pick mode \`buffered\` instead of \`headers\`: ${why}`;
      tell("warning", pool, message, instead);
      return "buffered";
    }
    const message = `pool "${pool.name}" is picked from headers only: scorers that use the prompt (prefix cache) have no data, and bodies are not checked`;
    const remedy = "no action needed if prompts share no prefixes; otherwise use mode buffered";
    tell("info", pool, message, remedy);
  }
  if (mode === "duplex" && pool.failureMode === "FailOpen") {
    const message = `pool "${pool.name}" is FailOpen with pick mode \`duplex\`: if the picker dies or hangs, running requests with a body still fail, even during the answer`;
    const remedy = "use `buffered`, in which FailOpen and the pick's time limit work";
    tell("warning", pool, message, remedy);
  }
  return mode;
}

/** The reason why the body must be read, and what to do about it; undefined if the body is not needed. */
function whyNotHeaders(
  { modelHeader, onlyModel, rewrites }: Pool,
  [policy]: readonly MirrorPolicy[],
): readonly [why: string, remedy: string] | undefined {
  if (rewrites.length > 0) {
    return [
      "InferenceModels or InferenceModelRewrites change the model's name in the body",
      "remove the rewrites, or use mode buffered",
    ];
  }
  if (policy !== undefined) {
    return [
      `mirroring by ShadowPolicy "${policy.name}" depends on the body`,
      "use mode buffered during the evaluation",
    ];
  }
  if (modelHeader !== undefined || onlyModel !== undefined) return undefined;
  return [
    "only the body names the model",
    `set the pool's only model in the annotation ${modelAnnotation}, or a header with the model in ${modelHeaderAnnotation}`,
  ];
}
