import { nearest } from "../nearest.ts";
import type { Report } from "../resources/reader.ts";
import type { LintInput } from "./lint-input.ts";

/** Resources without a use, and those that speak of a pool which is not there. */
export function lintUnused({ topology, resources }: LintInput, report: Report): void {
  const hosts = topology.listeners.flatMap(({ virtualHosts }) => virtualHosts);
  const used = new Set(
    hosts
      .flatMap(({ routes }) => routes)
      .flatMap(({ action, mirrors }) => [
        ...mirrors.map(({ pool }) => pool),
        ...(action.kind === "forward"
          ? action.backends.flatMap((each) => (each.kind === "pool" ? each.pool : []))
          : []),
      ]),
  );
  for (const { namespace, name, place } of resources.pools) {
    if (used.has(`${namespace}/${name}`) || resources.routes.length === 0) continue;
    report(
      "info",
      "UMB0308",
      place,
      `InferencePool "${name}" gets no requests: no route refers to it`,
    );
  }
  const written = resources.gateways.flatMap(({ listeners }) => listeners).toReversed();
  const byPort = new Map(written.map(({ port, place }) => [port, place]));
  // One that a flag has moved has its name alone.
  const byName = new Map(written.map(({ name, place }) => [name, place]));
  for (const { name, port, virtualHosts } of topology.listeners) {
    if (virtualHosts.length > 0) continue;
    const place = byPort.get(port) ?? byName.get(name);
    if (place === undefined) continue;
    const message = `listener "${name}" answers every request with 404: no route is attached to it`;
    report("info", "UMB0308", place, message);
  }
  const pools = new Set(resources.pools.map(({ namespace, name }) => `${namespace}/${name}`));
  const speakers = [
    ...resources.models.map((each) => ({ ...each, kind: "InferenceModel" })),
    ...resources.objectives.map((each) => ({ ...each, kind: "InferenceObjective" })),
    ...resources.rewrites.map((each) => ({ ...each, kind: "InferenceModelRewrite" })),
  ];
  for (const { kind, namespace, name, pool, place } of speakers) {
    if (pools.has(`${namespace}/${pool}`)) continue;
    const own = [...pools]
      .filter((each) => each.startsWith(`${namespace}/`))
      .map((each) => each.slice(namespace.length + 1));
    const near = nearest(pool, own);
    const message = `${kind} "${name}" has no effect: InferencePool "${namespace}/${pool}" is not in the resources`;
    report(
      "warning",
      "UMB0314",
      place,
      message,
      near === undefined ? {} : { remedy: `did you mean "${near}"?` },
    );
  }
}
