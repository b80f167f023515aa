// What mirroring costs clients: latency at the primary with everything mirrored, measured and judged, against nothing
// mirrored, in turns on one gateway. Open loop at a steady rate. `npm run bench:mirror [-- seconds-per-turn [rounds]]`
import { startGateway } from "../e2e/harness/gateway.ts";
import { runUmbra, startUmbra } from "../e2e/harness/processes.ts";
import { policyScenario } from "../e2e/harness/resources.ts";
import { until } from "../e2e/harness/until.ts";
import { openLoop, type Turn } from "./harness/open-loop.ts";
import { quantileRatio } from "./harness/quantile-ratio.ts";

const seconds = Number(process.argv[2] ?? 8);
const roundCount = Number(process.argv[3] ?? 5);
const perSecond = 20;
const allowed = 1.1;

const simulate = ["simulate", "--replicas", "2", "--port", "0", "-o", "json", "--", "--model", "m"];
const servers = [startUmbra(...simulate), startUmbra(...simulate)];
const [primary = "", shadow = ""] = await Promise.all(
  servers.map(async ({ output }) => {
    await until("the servers listen", () => output().includes("endpoints"));
    const line =
      output()
        .split("\n")
        .find((each) => each.startsWith("{")) ?? "{}";
    return (JSON.parse(line) as { readonly endpoints: readonly string[] }).endpoints.join(",");
  }),
);
const gateway = await startGateway({
  resources: policyScenario({
    backends: { primary: 1 },
    mirrors: ["shadow"],
    pools: { primary, shadow },
    policy:
      "  sampling: {percent: 100}\n  budget: {maxInFlight: 1024, maxRequests: 1000000, maxBodyBytes: 65536}",
  }),
});
const body = JSON.stringify({
  model: "m",
  stream: true,
  max_tokens: 16,
  messages: [{ role: "user", content: "x".repeat(1_024) }],
});

async function turn(percent: number): Promise<Turn> {
  const call = await runUmbra("shadow", "percent", String(percent), "--admin", gateway.admin);
  if (call.status !== 0) throw new Error(call.stderr);
  return openLoop(gateway.origin, { seconds, perSecond, body });
}

await turn(100);
interface PairedTurns {
  readonly changed: Turn;
  readonly base: Turn;
}

const rounds: PairedTurns[] = [];
for (let round = 0; round < roundCount; round++) {
  // Each goes first as often as the other.
  const first = round % 2 === 0 ? 0 : 100;
  const [a, b] = [await turn(first), await turn(100 - first)];
  rounds.push(first === 0 ? { base: a, changed: b } : { base: b, changed: a });
}
await gateway.stop();
await Promise.all(servers.map((each) => each.stop()));

process.stdout.write(
  `${perSecond} requests/s, ${roundCount} rounds of two turns of ${seconds} s; medians of the turns' own quantiles; ratio with its 95 % interval (bootstrap of rounds)\n`,
);
process.stdout.write("          unmirrored ms  mirrored ms  ratio  interval\n");
let worst = 0;
for (const metric of ["ttft", "e2e"] as const) {
  const paired = rounds.map(({ changed, base }) => ({
    ...{ changed: changed[metric], base: base[metric] },
  }));
  for (const [share, name] of [
    [0.5, "p50"],
    [0.99, "p99"],
  ] as const) {
    const { changed, base, ratio, lower, upper } = quantileRatio(paired, share);
    worst = Math.max(worst, ratio);
    process.stdout.write(
      `${metric} ${name}  ${base.toFixed(1).padStart(13)} ${changed.toFixed(1).padStart(12)} ${ratio.toFixed(3).padStart(6)}  ${lower.toFixed(3)} to ${upper.toFixed(3)}\n`,
    );
  }
}
process.stdout.write(`worst ratio ${worst.toFixed(3)} (at most ${allowed} is asked for)\n`);
process.exitCode = worst <= allowed ? 0 : 1;
