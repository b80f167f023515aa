import { join } from "node:path";
import type { JudgePolicy } from "@umbra/envoy-config";
import type { SidecarMetrics } from "../metrics/sidecar-metrics.ts";
import type { MirrorRegistry } from "../mirror/mirror-registry.ts";
import type { PoolRegistry } from "../pools/pool-registry.ts";
import { readEndpointKey } from "../scrape/endpoint-key.ts";
import type { SidecarOptions } from "../sidecar-options.ts";
import { createJudges, type Judges } from "./judges.ts";

interface JudgesParts {
  readonly pools: PoolRegistry;
  readonly mirrors: Pick<MirrorRegistry, "processes">;
  readonly metrics: Pick<SidecarMetrics, "exposition">;
}

/** Asks the judge models that ShadowPolicies name. */
export function createModelJudges(
  { log, judgeKeys }: SidecarOptions,
  { pools, mirrors, metrics }: JudgesParts,
): Judges {
  const calls = metrics.exposition.counter({
    name: "umbra_shadow_judge_calls_total",
    help: "Calls to judge models by outcome: ok, timeout, http, unparsable (no verdict in the answer) or other.",
    labels: ["outcome"],
  });
  const cost = metrics.exposition.counter({
    name: "umbra_shadow_judge_cost_usd_total",
    help: "Cost of judge models in USD, by the prices of their policies.",
  });
  return createJudges({
    now: () => performance.now(),
    servesLane: (judge) => servesLane(judge, pools),
    processes: () => mirrors.processes,
    async apiKeyOf({ apiKey }) {
      if (apiKey === undefined) return undefined;
      if (judgeKeys === undefined) throw new Error("--judge-keys is not set");
      return (await readEndpointKey(join(judgeKeys, apiKey.secret, apiKey.entry))).key;
    },
    onCall({ why = "ok" }, costUsd) {
      calls.at(why).value++;
      cost.at().value += costUsd;
    },
    onRefused: (policy, reason) => log.warn({ policy, reason }, "no answer is judged by a model"),
  });
}

/**
 * True if a pool serves the judge's model, or has its endpoint: a model that judges itself prefers itself. An endpoint is
 * found by its address, so a name for it is not.
 */
export function servesLane({ endpoint, model }: JudgePolicy, pools: PoolRegistry): boolean {
  const { hostname, port, protocol } = new URL(endpoint);
  const host = hostname === "localhost" ? "127.0.0.1" : hostname;
  const address = `${host}:${port === "" ? (protocol === "https:" ? "443" : "80") : port}`;
  for (const { endpoints, served } of pools.values()) {
    if (endpoints.includes(address) || served.has(model)) return true;
  }
  return false;
}
