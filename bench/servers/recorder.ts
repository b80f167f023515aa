// Umbra's sidecar with one mirror that takes everything, and no limit to what it may take. Tells its port, and on
// `usage` its CPU time in ms and its memory in MB. Its argument is how answers are compared: numbers, sketch or off.
import { type ComparisonPolicy, defaultComparison, directTopology } from "@umbra/envoy-config";
import { defaultMirrorSettings } from "@umbra/envoy-config/internal";
import { startSidecar } from "@umbra/sidecar";
import pino from "pino";

const direct = directTopology({ primary: ["127.0.0.1:9"], shadow: ["127.0.0.1:9"], port: 1 });
const unlimited = { maxInFlight: 65_536, maxRequests: 1e9, maxBodyBytes: 1e7 };
const { policy } = defaultMirrorSettings("bench");
const unbounded = { ...policy, budget: { ...policy.budget, ...unlimited } };
const mode = (process.argv[2] ?? "numbers") as ComparisonPolicy["mode"];
const comparison = { ...defaultComparison, mode };
const topology = {
  ...direct,
  mirrors: direct.mirrors.map((each) => ({
    ...each,
    policy: unbounded,
    evaluation: { ...each.evaluation, comparison },
  })),
};
const sidecar = await startSidecar({
  topology,
  grpc: "127.0.0.1:0",
  admin: { host: "127.0.0.1", port: 0 },
  log: pino({ level: "error" }, pino.destination(2)),
  scrapeIntervalMs: 60_000,
  staleAfterMs: 3_600_000,
});
process.on("message", async () => {
  const { user, system } = process.cpuUsage();
  const answer = await fetch(`http://${sidecar.adminAddress}/metrics`);
  const page = await answer.text();
  const pairs = /^umbra_pairs (\d+)/m.exec(page)?.[1];
  const tokens = /^umbra_output_tokens_sum\{lane="primary".*\} (\d+)/m.exec(page)?.[1];
  process.send?.({
    cpuMs: (user + system) / 1_000,
    rssMb: process.memoryUsage().rss / 2 ** 20,
    pairs: Number(pairs),
    tokens: Number(tokens ?? 0),
  });
});
// The bench has ended, whatever way.
process.on("disconnect", () => process.exit());
process.send?.(Number(sidecar.grpcAddress.split(":").at(-1)));
