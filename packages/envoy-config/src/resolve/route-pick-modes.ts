import type { Place, Report } from "../resources/reader.ts";
import type { Meta, Resources } from "../resources/resources.ts";
import type { Listener, Mirror, PickMode, Pool, Route } from "../topology.ts";
import { headerAnnotation, modeAnnotation, modelAnnotation, pickModes } from "./pick-mode.ts";

/** Where a pool's resource stands, for what is said of its mode. */
export function poolPlaces({ pools, services }: Resources): (pool: Pool) => Place | undefined {
  const placeOf = ({ annotationPlace }: Meta) => annotationPlace(modeAnnotation);
  const places = new Map<string, Place>([
    ...pools.map(
      (each) => [`InferencePool ${each.namespace}/${each.name}`, placeOf(each)] as const,
    ),
    ...services.map((each) => [`Service ${each.namespace}/${each.name}`, placeOf(each)] as const),
  ]);
  return ({ kind, namespace, resourceName }) => places.get(`${kind} ${namespace}/${resourceName}`);
}

/**
 * Gives routes and mirrors their modes. A route has one for all its pools, the most demanding: its shares are then
 * refused, rewritten and measured alike. A pool that can't have `headers` on a route is picked `buffered` there.
 */
export function withPickModes(
  listeners: readonly Listener[],
  pools: readonly Pool[],
  placeOf: (pool: Pool) => Place | undefined,
  report: Report,
): readonly Listener[] {
  if (pools.every(({ pickMode }) => pickMode === undefined)) return listeners;
  const byName = new Map(pools.map((pool) => [pool.name, pool]));
  const told = new Set<string>();

  function tell(severity: "warning" | "info", pool: Pool, message: string, remedy: string): void {
    const place = placeOf(pool);
    if (place === undefined || told.has(message)) return;
    told.add(message);
    report(severity, "UMB0213", place, message, { remedy });
  }

  function modeOf(pool: Pool, mirrors: readonly Mirror[], whole: string): PickMode {
    const mode = pool.pickMode ?? "buffered";
    if (mode === "headers") {
      const why = whyNotHeaders(pool, mirrors);
      if (why !== undefined) {
        const message = `${whole} "${pool.name}" is picked \`buffered\`, not \`headers\`: ${why.message}`;
        tell("warning", pool, message, why.remedy);
        return "buffered";
      }
      tell(
        "info",
        pool,
        `pool "${pool.name}" is picked by headers alone: scorers of prompts (prefix cache) have nothing to go by, and bodies are not checked`,
        "nothing needs to be done where prompts have no beginnings in common; else leave the pool buffered",
      );
    }
    if (mode === "duplex" && pool.failureMode === "FailOpen") {
      tell(
        "warning",
        pool,
        `pool "${pool.name}" is FailOpen and picked \`duplex\`: requests with a body that are under way when the picker dies or hangs fail all the same, running answers too`,
        "take `buffered`, in which FailOpen and the pick's time limit hold",
      );
    }
    return mode;
  }

  function ofRoute(route: Route): Route {
    const mirrors = route.mirrors.map((mirror): Mirror => {
      const pool = byName.get(mirror.pool);
      if (pool === undefined || pool.picker !== "umbra") return mirror;
      const mode = modeOf(pool, mirror.policy === undefined ? [] : [mirror], "the shadow pool");
      return mode === "buffered" ? mirror : { ...mirror, pickMode: mode };
    });
    if (route.action.kind !== "forward") return { ...route, mirrors };
    const picked = route.action.backends.flatMap((backend) => {
      const pool = backend.kind === "pool" ? byName.get(backend.pool) : undefined;
      return pool?.picker === "umbra" && backend.weight > 0 ? [pool] : [];
    });
    const modes = picked.map((pool) => modeOf(pool, route.mirrors, "pool"));
    const most = pickModes.findLast((mode) => modes.includes(mode)) ?? "buffered";
    for (const [index, pool] of picked.entries()) {
      if (modes[index] === most) continue;
      tell(
        "info",
        pool,
        `pool "${pool.name}" is picked \`${most}\` on route "${route.name}", as another pool of the rule asks`,
        "nothing needs to be done: all shares of a rule are picked alike",
      );
    }
    return { ...route, mirrors, ...(most === "buffered" ? {} : { pickMode: most }) };
  }

  return listeners.map((listener) => ({
    ...listener,
    virtualHosts: listener.virtualHosts.map((host) => ({
      ...host,
      routes: host.routes.map(ofRoute),
    })),
  }));
}

/** Why the body must be read; undefined where it need not be. */
function whyNotHeaders(
  { modelHeader, onlyModel, rewrites }: Pool,
  mirrors: readonly Mirror[],
): { readonly message: string; readonly remedy: string } | undefined {
  if (rewrites !== undefined) {
    return {
      message: "InferenceModels or InferenceModelRewrites change the model's name in the body",
      remedy: "remove the rewrites, or leave the pool buffered",
    };
  }
  const policy = mirrors.find((mirror) => mirror.policy !== undefined)?.policy;
  if (policy !== undefined) {
    return {
      message: `ShadowPolicy "${policy.name}" decides by the body which requests are mirrored, and how`,
      remedy: "leave the pool buffered while it is evaluated",
    };
  }
  if (modelHeader === undefined && onlyModel === undefined) {
    return {
      message: "only the body names the model",
      remedy: `name the pool's one model in the annotation ${modelAnnotation}, or a header that has it in ${headerAnnotation}`,
    };
  }
  return undefined;
}
