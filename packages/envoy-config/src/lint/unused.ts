import { didYouMean } from "../nearest.ts";
import { allPrimaryPools } from "../queries.ts";
import { fullName } from "../resolve/listener-names.ts";
import { byResource } from "../resource-map.ts";
import { resourceName } from "../resource-ref.ts";
import type { Report } from "../resources/report.ts";
import type { LintInput } from "./lint-input.ts";

/** Reports unused resources, and resources that name an unknown pool. */
export function lintUnused(input: LintInput, report: Report): void {
  lintPools(input, report);
  lintListeners(input, report);
  lintUnknownPools(input, report);
}

function lintPools({ topology, resources }: LintInput, report: Report): void {
  const used = new Set([...allPrimaryPools(topology), ...topology.mirrors.map(({ pool }) => pool)]);
  for (const pool of resources.pools) {
    if (used.has(resourceName(pool)) || resources.routes.length === 0) continue;
    const message = `InferencePool "${pool.name}" gets no requests: no HTTPRoute refers to it`;
    report("info", "UMB0308", pool.place, message);
  }
}

function lintListeners({ topology, resources }: LintInput, report: Report): void {
  const written = resources.gateways
    .flatMap((gateway) =>
      gateway.listeners.map((each) => ({ ...each, name: fullName(gateway, each) })),
    )
    .toReversed();
  const byPort = new Map(written.map(({ port, place }) => [port, place]));
  const byName = new Map(written.map(({ name, place }) => [name, place]));
  for (const { name, port, virtualHosts } of topology.listeners) {
    if (virtualHosts.length > 0) continue;
    const place = byName.get(name) ?? byPort.get(port);
    if (place === undefined) continue;
    const message = `listener "${name}" answers every request with 404: no route is attached to it`;
    report("info", "UMB0308", place, message);
  }
}

/** Reports resources that name an unknown pool. */
function lintUnknownPools({ resources }: LintInput, report: Report): void {
  const pools = byResource(resources.pools);
  const speakers = [
    ...resources.models.map((each) => ({ ...each, kind: "InferenceModel" })),
    ...resources.objectives.map((each) => ({ ...each, kind: "InferenceObjective" })),
    ...resources.rewrites.map((each) => ({ ...each, kind: "InferenceModelRewrite" })),
  ];
  for (const { kind, namespace, name, pool, place } of speakers) {
    const about = { namespace, name: pool };
    if (pools.has(about)) continue;
    const message = `${kind} "${name}" has no effect: InferencePool "${resourceName(about)}" is not among the resources`;
    report("warning", "UMB0314", place, message, didYouMean(pool, pools.namesIn(namespace), '"'));
  }
}
