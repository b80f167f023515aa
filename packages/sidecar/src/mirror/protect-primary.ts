import type { ShadowReport } from "@umbra/shadow";
import type { Logger } from "pino";
import type { MirrorRegistry } from "./mirror-registry.ts";

/** Pauses mirroring if it slows down clients. */
export function protectPrimary(
  reports: readonly ShadowReport[],
  { gates }: MirrorRegistry,
  log: Logger,
): void {
  for (const { candidate, evaluation, validity } of reports) {
    const alarm = validity.find(({ id, ok }) => id === "primary_protection" && ok === false);
    const gate = gates.find(
      (each) => each.candidate === candidate.pool && each.route === evaluation.route,
    );
    if (alarm === undefined || gate === undefined || gate.state().paused) continue;
    gate.pause("protection");
    log.warn(
      { candidate: gate.candidate, ratio: alarm.value },
      "mirroring is paused: mirrored requests are slower on the primary than other requests",
    );
  }
}
