// What comparing answers costs clients: two gateways, one that compares the texts of all answers and one that looks at none
// (`mode: off`), everything mirrored, in turns. The model servers answer at once, so that the time to the first byte is what
// Envoy and the pick take. `npm run bench:comparing [-- seconds-per-turn]`
import { type Gateway, startGateway } from "../e2e/harness/gateway.ts";
import { addresses, startModelServers, stopModelServers } from "../e2e/harness/model-servers.ts";
import { policyScenario } from "../e2e/harness/resources.ts";
import { median } from "./harness/child.ts";
import { openLoop, type Turn } from "./harness/open-loop.ts";

const seconds = Number(process.argv[2] ?? 8);
const [rounds, perSecond] = [7, 60];
const allowed = 1.05;
const modes = ["numbers", "off"] as const;

const servers = await startModelServers(2);
const [primary = [], shadow = []] = [servers.slice(0, 1), servers.slice(1)];
const policy = (mode: string) => `  sampling: {percent: 100}
  budget: {maxInFlight: 1024, maxRequests: 1000000, maxBodyBytes: 65536}
  evaluation: {outputs: {mode: "${mode}"}}`;
const pools = { primary: addresses(primary), shadow: addresses(shadow) };
const gateways = {} as Record<(typeof modes)[number], Gateway>;
for (const mode of modes) {
  gateways[mode] = await startGateway({
    resources: policyScenario({
      ...{ backends: { primary: 1 }, mirrors: ["shadow"], pools, policy: policy(mode) },
    }),
  });
}
const body = JSON.stringify({
  ...{ model: "/model/llama2", stream: true, max_completion_tokens: 64, temperature: 0 },
  messages: [{ role: "user", content: "x".repeat(1_024) }],
});

/** Pairs by what became of their comparison, as the metrics have it. */
async function comparedPairs({ admin }: Gateway): Promise<string> {
  const page = await (await fetch(`http://${admin}/metrics`)).text();
  const found = page.matchAll(/^umbra_shadow_output_pairs_total\{.*kind="(\w+)"\} (\d+)/gm);
  return [...found].map(([, kind, pairs]) => `${kind} ${pairs}`).join(", ") || "none";
}

const turns: Record<(typeof modes)[number], Turn>[] = [];
const turn = (mode: (typeof modes)[number]) =>
  openLoop(gateways[mode].origin, { seconds, perSecond, body });
for (const mode of modes) await turn(mode);
for (let round = 0; round < rounds; round++) {
  // Each goes first as often as the other.
  const [first, second] = round % 2 === 0 ? modes : ([modes[1], modes[0]] as const);
  const [a, b] = [await turn(first), await turn(second)];
  turns.push(first === "numbers" ? { numbers: a, off: b } : { numbers: b, off: a });
}
process.stdout.write(
  `${perSecond} requests/s, all mirrored, medians of ${rounds} turns of ${seconds} s each; ratio = median of the turns' own ratios\n`,
);
process.stdout.write("          off ms  numbers ms  ratio\n");
let pickRatio = Number.NaN;
for (const metric of ["ttft", "e2e"] as const) {
  for (const [place, name] of [
    [0, "p50"],
    [1, "p99"],
  ] as const) {
    const ratio = median(
      turns.map(({ off, numbers }) => numbers[metric][place] / off[metric][place]),
    );
    if (metric === "ttft" && name === "p99") pickRatio = ratio;
    const middle = (mode: (typeof modes)[number]) =>
      median(turns.map((each) => each[mode][metric][place])).toFixed(2);
    process.stdout.write(
      `${metric} ${name}  ${middle("off").padStart(6)} ${middle("numbers").padStart(11)} ${ratio.toFixed(3).padStart(6)}\n`,
    );
  }
}
process.stdout.write(`pairs with numbers: ${await comparedPairs(gateways.numbers)}\n`);
process.stdout.write(
  `ratio of the p99 of picks ${pickRatio.toFixed(3)} (at most ${allowed} is asked for)\n`,
);
for (const mode of modes) await gateways[mode].stop();
await stopModelServers(servers);
process.exitCode = pickRatio <= allowed ? 0 : 1;
