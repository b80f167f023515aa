// What metrics cost each request: its account opened, decided and closed. `npm run bench:accounting`
import { directTopology } from "@umbra/envoy-config";
import { createSidecarMetrics } from "../packages/sidecar/src/metrics/sidecar-metrics.ts";
import { createPoolRegistry } from "../packages/sidecar/src/pools/pool-registry.ts";
import { createRequestRecording } from "../packages/sidecar/src/request-recording.ts";

const requests = 300_000;
const rounds = 7;
const barNs = 1_000;
const addresses = Array.from({ length: 16 }, (_, i) => `10.0.0.${i}:8000`);
const topology = directTopology({ primary: addresses, shadow: ["10.0.1.1:8000"], port: 80 });
const [pool = ""] = topology.pools.map(({ name }) => name);
const now = () => performance.now();
const headers = new Map([
  ["x-request-id", "4f3e"],
  ["x-llm-d-inference-fairness-id", "tenant-7"],
]);

function median(isCompatible: boolean): number {
  const pools = createPoolRegistry(topology, { now, random: Math.random, staleAfterMs: 2_000 });
  pools.get(pool)?.served.record("10.0.0.0:8000", {
    base: ["base"],
    adapters: ["sql"],
    parents: new Map(),
  });
  const metrics = createSidecarMetrics({ topology, pools, now, pairs: () => 0, isCompatible });
  const accounts = createRequestRecording({ metrics, now, onPicked: () => {} });
  const times = Array.from({ length: rounds }, () => {
    const startedMs = now();
    for (let i = 0; i < requests; i++) {
      const account = accounts.open("primary", pool);
      account.arrived(headers, "/v1/chat/completions");
      account.decided({
        outcome: "picked",
        tookMs: 0.01,
        model: "sql",
        target: "sql",
        priority: 0,
        isStream: true,
        bodyBytes: 4_096,
        endpoint: addresses[i % addresses.length] as string,
      });
      account.ended("complete");
    }
    return ((now() - startedMs) * 1e6) / requests;
  });
  metrics.close();
  return times.toSorted((a, b) => a - b)[Math.floor(rounds / 2)] ?? Number.NaN;
}

const own = median(false);
const both = median(true);
process.stdout.write(`own names            ${own.toFixed(0).padStart(5)} ns a request\n`);
process.stdout.write(`with --compat-metrics ${both.toFixed(0).padStart(4)} ns a request\n`);
process.stdout.write(`${barNs} ns are asked for\n`);
process.exitCode = own <= barNs ? 0 : 1;
