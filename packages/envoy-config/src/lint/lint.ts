import type { Place, Report } from "../resources/reader.ts";
import type { HttpRoute, Resources } from "../resources/resources.ts";
import type { Topology } from "../topology.ts";
import { lintKongPlugins } from "./kong-plugins.ts";
import { lintLeftOut } from "./left-out.ts";
import type { LintInput, Places } from "./lint-input.ts";
import { lintMirrors } from "./mirrors.ts";
import { lintModelHeaders } from "./model-headers.ts";
import { lintPorts } from "./ports.ts";
import { lintReach } from "./reach.ts";
import { lintRules } from "./rules.ts";
import { lintUnused } from "./unused.ts";

/** Reports what the resources allow and an operator would hardly want. Each lint is a function of the topology. */
export function lint(topology: Topology, resources: Resources, report: Report): void {
  const input: LintInput = { topology, resources, places: placesOf(resources) };
  for (const each of [
    lintReach,
    lintRules,
    lintMirrors,
    lintPorts,
    lintUnused,
    lintModelHeaders,
    lintLeftOut,
    lintKongPlugins,
  ]) {
    each(input, report);
  }
}

function placesOf({ routes, pools, services }: Resources): Places {
  const byRoute = new Map<string, Place>();
  const byMirror = new Map<string, Place>();
  for (const route of routes) addRoute(route, byRoute, byMirror);
  const byPool = new Map<string, Place>(
    pools.map(({ namespace, name, place }) => [`${namespace}/${name}`, place]),
  );
  for (const { namespace, name, ports, place } of services) {
    for (const { port } of ports) byPool.set(`service:${namespace}/${name}:${port}`, place);
  }
  return {
    route: (name) => byRoute.get(name.replace(/-\d+$/, "")),
    mirror: (name) => byMirror.get(name),
    pool: (name) => byPool.get(name),
  };
}

function addRoute(
  { namespace, name, rules }: HttpRoute,
  byRoute: Map<string, Place>,
  byMirror: Map<string, Place>,
): void {
  for (const [index, { matchPlaces, mirrors, backends }] of rules.entries()) {
    const prefix = `${namespace}/${name}/${index}`;
    for (const [i, place] of matchPlaces.entries()) byRoute.set(`${prefix}/${i}`, place);
    for (const [i, { backend }] of mirrors.entries()) {
      byMirror.set(`${prefix}/mirror/${i}`, backend.place);
    }
    for (const [b, { routing }] of backends.entries()) {
      for (const [i, { backend }] of (routing?.mirrors ?? []).entries()) {
        byMirror.set(`${prefix}/mirror/${b}-${i}`, backend.place);
      }
    }
  }
}
