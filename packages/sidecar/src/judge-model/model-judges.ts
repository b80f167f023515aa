import { join } from "node:path";
import { type JudgePolicy, judgeSocket, ownInterface, socketName } from "@umbra/envoy-config";
import type { SidecarMetrics } from "../metrics/sidecar-metrics.ts";
import type { MirrorRegistry } from "../mirror/mirror-registry.ts";
import type { PoolRegistry } from "../pools/pool-registry.ts";
import { readEndpointKey } from "../scrape/endpoint-key.ts";
import type { SidecarOptions } from "../sidecar-options.ts";
import type { JudgeAddress } from "./judge-call.ts";
import { createJudgeConnections } from "./judge-connections.ts";
import { createJudges, type Judges } from "./judges.ts";

interface JudgesParts {
  readonly pools: PoolRegistry;
  readonly mirrors: Pick<MirrorRegistry, "processes">;
  readonly metrics: Pick<SidecarMetrics, "exposition">;
}

/** Asks the judge models that ShadowPolicies name. */
export function createModelJudges(
  options: SidecarOptions,
  { pools, mirrors, metrics }: JudgesParts,
): Judges {
  const { log } = options;
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
    addressOf: (judge) => judgeAddress(judge, options),
    onCall({ why = "ok" }, costUsd) {
      calls.at(why).value++;
      cost.at().value += costUsd;
    },
    connections: createJudgeConnections({
      interfaces: interfacesOf(options),
      isEndpoint: (address) => hasEndpoint(address, pools),
    }),
    onRefused: (policy, reason) =>
      log.warn({ policy, reason }, "the judge model of a policy is not used"),
  });
}

type Around = Pick<SidecarOptions, "admin" | "probes" | "envoyAdmin" | "grpc" | "judgeKeys">;

/**
 * Where a judge is asked, with its API key. Rejects if that is an interface of this sidecar or of Envoy, which obey all
 * that is on this machine, or if the key can't be read.
 */
export async function judgeAddress(
  { endpoint, apiKey }: Pick<JudgePolicy, "endpoint" | "apiKey">,
  around: Around,
): Promise<JudgeAddress> {
  const { judgeKeys } = around;
  const found = ownInterface(socketOf(endpoint), interfacesOf(around));
  if (found !== undefined) throw new Error(`${found} is an interface of Envoy or the sidecar`);
  if (apiKey === undefined) return { endpoint, apiKey: undefined };
  if (judgeKeys === undefined) throw new Error("--judge-keys is not set");
  const { key } = await readEndpointKey(
    join(judgeKeys, apiKey.namespace, apiKey.secret, apiKey.entry),
  );
  return { endpoint, apiKey: key };
}

/** Interfaces of Envoy and the sidecar. */
function interfacesOf({ admin, probes, envoyAdmin, grpc }: Around): readonly string[] {
  const own = [admin, probes].map((each) => each && `${each.host}:${each.port}`);
  return [...own, envoyAdmin, grpc].filter((each) => each !== undefined);
}

/** As endpoints of pools are written. */
function socketOf(url: string): string {
  const { ip: address, port } = judgeSocket(url);
  return socketName({ address, port });
}

/**
 * True if a pool serves the judge's model, or has its endpoint: a model that judges itself prefers itself. A name is not
 * resolved here; the address that it leads to is checked when the judge is connected to.
 */
export function servesLane({ endpoint, model }: JudgePolicy, pools: PoolRegistry): boolean {
  if (hasEndpoint(socketOf(endpoint), pools)) return true;
  for (const { served } of pools.values()) {
    if (served.has(model)) return true;
  }
  return false;
}

function hasEndpoint(address: string, pools: PoolRegistry): boolean {
  for (const { endpoints } of pools.values()) {
    if (endpoints.includes(address)) return true;
  }
  return false;
}
