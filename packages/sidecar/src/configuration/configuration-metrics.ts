import { kinds } from "@umbra/xds";
import type { Exposition } from "../metrics/exposition.ts";
import type { ConfigurationState } from "./configuration-state.ts";

const severities = ["error", "warning", "info"] as const;

/** Adds metrics of the configuration that the sidecar serves. */
export function addConfigurationMetrics(metrics: Exposition, state: ConfigurationState): void {
  const gauge = (name: string, help: string, value: () => number) =>
    metrics.gauge({ name: `umbra_config_${name}`, help }, () => [[[], value()]]);
  gauge(
    "last_success_timestamp_seconds",
    "When a configuration was last applied, in seconds since the epoch; 0 before the first.",
    () => (state.appliedAtMs ?? 0) / 1_000,
  );
  gauge(
    "generation",
    "Number of the configuration that is served; 0 if it never changes while the sidecar runs.",
    () => state.facts?.generation ?? 0,
  );
  gauge("objects", "Resources of the configuration.", () => state.facts?.objects ?? 0);
  gauge(
    "stale_files",
    "Files that can't be read or parsed: their last good resources are served.",
    () => state.facts?.staleFiles.length ?? 0,
  );
  gauge(
    "connected_envoys",
    "Envoys that get their configuration from the sidecar.",
    () => state.clients().length,
  );
  metrics.gauge(
    {
      name: "umbra_config_findings",
      help: "Findings in the resources by severity.",
      labels: ["severity"],
    },
    () => severities.map((severity) => [[severity], findingsOf(state, severity)]),
  );
  metrics.add({
    name: "umbra_config_nacks_total",
    help: "ADS responses that an Envoy has refused, by type of resource.",
    type: "counter",
    labels: ["type"],
    read: () => kinds.map((kind) => [[kind], state.refusals.get(kind) ?? 0]),
  });
  metrics.add({
    name: "umbra_config_unknown_types_total",
    help: "Requests of xDS clients for types that are not served.",
    type: "counter",
    read: () => [[[], state.unknownTypes]],
  });
  metrics.add({
    name: "umbra_config_change_to_ack_seconds",
    help: "Time from a change until an Envoy had accepted all of it.",
    type: "histogram",
    bounds: state.changeToAckS.bounds,
    read: () => [[[], state.changeToAckS]],
  });
}

function findingsOf({ facts }: ConfigurationState, of: (typeof severities)[number]): number {
  return facts?.findings.filter(({ severity }) => severity === of).length ?? 0;
}
