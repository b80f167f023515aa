import type { PoolEvent } from "@umbra/scheduler";
import type { Exposition } from "./exposition.ts";

/** A pick takes a few µs, a plugin less than one. */
const schedulerBounds = [
  ...[0.000001, 0.0000025, 0.000005, 0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.001, 0.01],
];
const pluginBounds = [
  ...[0.0000001, 0.00000025, 0.0000005, 0.000001, 0.0000025, 0.000005, 0.00001, 0.0001, 0.001],
];
/** Bounds of the reference, for its scheduler and plugins. */
const compatibleBounds = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1];
const shareBounds = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];
const hitTokenBounds = Array.from({ length: 16 }, (_, i) => (i === 0 ? 0 : 2 ** (i + 3)));
const hitBytesBounds = hitTokenBounds.slice(0, 14);
const pluginLabels = ["plugin_name", "plugin_type"];

/** Adds metrics from pool events. Names of profiles and plugins come from configuration. */
export function addSchedulerMetrics(metrics: Exposition): (event: PoolEvent) => void {
  const took = metrics.histogram({
    name: "umbra_scheduler_duration_seconds",
    help: "Time of the scheduler in a pick: filters, scorers, picker and bookkeeping.",
    compatible: { name: "scheduler_e2e_duration_seconds", bounds: compatibleBounds },
    labels: ["pool", "profile"],
    bounds: schedulerBounds,
  });
  const plugins = metrics.histogram({
    name: "umbra_plugin_duration_seconds",
    help: "Time of a filter, scorer or picker in a pick; measured in 1 of 64 picks.",
    compatible: {
      name: "plugin_duration_seconds",
      labels: ["extension_point", "plugin_type", "plugin_name"],
      note: "measured in 1 of 64 picks",
      bounds: compatibleBounds,
    },
    labels: ["pool", "profile", "point", "plugin"],
    bounds: pluginBounds,
  });
  const hitRatio = metrics.histogram({
    name: "umbra_prefix_hit_ratio",
    help: "Share of the prompt that the prefix index expects in the picked endpoint's cache; 0 if no plugin uses it.",
    compatible: { name: "prefix_indexer_hit_ratio", labels: pluginLabels },
    labels: ["pool"],
    bounds: shareBounds,
  });
  const hitTokens = metrics.histogram({
    name: "umbra_prefix_hit_tokens",
    help: "Prompt tokens (bytes divided by 4) that the prefix index expects in the picked endpoint's cache.",
    compatible: {
      name: "prefix_indexer_hit_bytes",
      labels: pluginLabels,
      bounds: hitBytesBounds,
    },
    labels: ["pool"],
    bounds: hitTokenBounds,
  });
  const ejections = metrics.counter({
    name: "umbra_ejections_total",
    help: "Ejections of endpoints after repeated failures.",
    labels: ["pool"],
  });
  const avoidances = metrics.counter({
    name: "umbra_avoidances_total",
    help: "Times that an endpoint was avoided because of a higher error rate than the others; counted at most once per endpoint in 10 s.",
    labels: ["pool"],
  });
  const restarts = metrics.counter({
    name: "umbra_endpoint_restarts_total",
    help: "Detected restarts of endpoints.",
    labels: ["pool"],
  });

  return (event) => {
    const { pool } = event;
    switch (event.type) {
      case "picked":
        took.at(pool, event.profile).observe(event.tookMs / 1_000);
        hitRatio.at(pool).observe(event.cachedShare);
        hitTokens.at(pool).observe(event.cachedShare * event.promptTokens);
        break;
      case "refused":
        took.at(pool, event.profile ?? "").observe(event.tookMs / 1_000);
        break;
      case "timed":
        for (const { point, name, tookMs } of event.steps) {
          plugins.at(pool, event.profile, point, name).observe(tookMs / 1_000);
        }
        break;
      case "ejected":
        ejections.at(pool).value++;
        break;
      case "restarted":
        restarts.at(pool).value++;
        break;
      case "avoided":
        avoidances.at(pool).value++;
        break;
      case "reinstated":
      case "lease_leaked":
        break;
    }
  };
}
