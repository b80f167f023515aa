import { crashingGuardEffect } from "./bootstrap/crashing-guard.ts";
import { hasCrashingGuard, patchProblems } from "./bootstrap/render.ts";
import type { ResolvedEnvoy } from "./resolve/envoy.ts";
import type { Place, Report } from "./resources/report.ts";
import type { Topology } from "./topology.ts";

/** Reports what only the rendered bootstrap shows: patches that can't be applied, and a guard with which Envoy crashes. */
export function reportBootstrap(
  topology: Topology,
  { operationPlaces, proxyPlace }: Pick<ResolvedEnvoy, "operationPlaces" | "proxyPlace">,
  start: Place,
  report: Report,
): void {
  for (const { index, message } of patchProblems(topology)) {
    const place = operationPlaces[index] ?? start;
    report("error", "UMB0243", place, `the patch can't be applied: ${message}`);
  }
  if (hasCrashingGuard(topology)) {
    const message = `the bootstrap of the EnvoyProxy ${crashingGuardEffect}`;
    report("warning", "UMB0330", proxyPlace ?? start, message);
  }
}
