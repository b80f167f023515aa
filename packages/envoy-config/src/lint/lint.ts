import { byResource } from "../resource-map.ts";
import type { Report } from "../resources/report.ts";
import type { Resources } from "../resources/resources.ts";
import type { Topology } from "../topology.ts";
import { lintJudges } from "./judges.ts";
import { lintKongPlugins } from "./kong-plugins.ts";
import { lintLeftOut } from "./left-out.ts";
import type { LintInput, Places } from "./lint-input.ts";
import { lintMirrors } from "./mirrors.ts";
import { lintModelHeaders } from "./model-headers.ts";
import { lintPorts } from "./ports.ts";
import { lintReach } from "./reach.ts";
import { lintRules } from "./rules.ts";
import { lintUnderscores } from "./underscores.ts";
import { lintUnused } from "./unused.ts";

/** Reports valid configurations that an operator probably does not want. Each lint is a function of the topology. */
export function lint(topology: Topology, resources: Resources, report: Report): void {
  const input: LintInput = { topology, resources, places: placesOf(resources) };
  for (const each of [
    lintReach,
    lintRules,
    lintMirrors,
    lintJudges,
    lintPorts,
    lintUnused,
    lintModelHeaders,
    lintUnderscores,
    lintLeftOut,
    lintKongPlugins,
  ]) {
    each(input, report);
  }
}

function placesOf({ routes }: Resources): Places {
  const byRoute = byResource(routes);
  return {
    route: ({ origin: { route, rule, match } }) =>
      byRoute.get(route)?.rules[rule]?.matchPlaces[match],
    mirror({ origin: { route, rule: index, backend, filter } }) {
      const rule = byRoute.get(route)?.rules[index];
      const mirrors =
        backend === undefined ? rule?.mirrors : rule?.backends[backend]?.routing?.mirrors;
      return mirrors?.[filter]?.backend.place;
    },
  };
}
