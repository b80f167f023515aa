// What comparing answers costs clients: two gateways, one that compares the texts of all answers and one that looks at none
// (`mode: off`), everything mirrored, in turns. The model servers answer at once, so that the time to the first byte is what
// Envoy and the pick take. `pick` is Envoy's own measure: from the request's first byte to the first byte for the endpoint.
// `npm run bench:comparing [-- seconds-per-turn [rounds]]`
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Gateway, startGateway } from "../e2e/harness/gateway.ts";
import { addresses, startModelServers, stopModelServers } from "../e2e/harness/model-servers.ts";
import { policyScenario } from "../e2e/harness/resources.ts";
import { openLoop } from "./harness/open-loop.ts";
import { quantileRatio } from "./harness/quantile-ratio.ts";

const seconds = Number(process.argv[2] ?? 3);
const rounds = Number(process.argv[3] ?? 24);
const perSecond = 60;
const allowed = 1.05;
const modes = ["numbers", "off"] as const;
type Mode = (typeof modes)[number];

const folder = mkdtempSync(join(tmpdir(), "umbra-comparing-"));
const logOf = (mode: Mode) => join(folder, `${mode}.log`);

/** Envoy writes its log to a file, and in each line what the pick took and the turn of the request. */
function withPickTimes(bootstrap: string, file: string): string {
  const added = `pick_us: "%COMMON_DURATION(DS_RX_BEG:US_TX_BEG:us)%", turn: "%REQ(X-TURN)%"`;
  return bootstrap
    .replaceAll(
      /access_loggers\.stream\.v3\.StdoutAccessLog\n( +)/g,
      `access_loggers.file.v3.FileAccessLog\n$1path: ${file}\n$1`,
    )
    .replaceAll(
      /json_format:\n +time: .*\n +lane: primary\n(?: {26}.*\n)+/g,
      `json_format: {${added}}\n`,
    );
}

const servers = await startModelServers(2);
const [primary = [], shadow = []] = [servers.slice(0, 1), servers.slice(1)];
const policy = (mode: string) => `  sampling: {percent: 100}
  budget: {maxInFlight: 1024, maxRequests: 1000000, maxBodyBytes: 65536}
  evaluation: {outputs: {mode: "${mode}"}}`;
const pools = { primary: addresses(primary), shadow: addresses(shadow) };
const gateways = {} as Record<Mode, Gateway>;
for (const mode of modes) {
  gateways[mode] = await startGateway({
    resources: policyScenario({
      ...{ backends: { primary: 1 }, mirrors: ["shadow"], pools, policy: policy(mode) },
    }),
    edit: (bootstrap) => withPickTimes(bootstrap, logOf(mode)),
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

/** Of each turn, what its picks took, in ms. */
function pickTimes(mode: Mode): readonly number[][] {
  const times: number[][] = Array.from({ length: rounds }, () => []);
  for (const line of readFileSync(logOf(mode), "utf8").split("\n")) {
    if (!line.includes("pick_us")) continue;
    const { pick_us, turn } = JSON.parse(line) as { pick_us: number; turn: string };
    times[Number(turn)]?.push(pick_us / 1_000);
  }
  return times;
}

interface Times {
  readonly pick: readonly number[];
  readonly ttft: readonly number[];
  readonly e2e: readonly number[];
}

const turnOf = (mode: Mode, turn: number) => {
  const headers = { "x-turn": String(turn) };
  return openLoop(gateways[mode].origin, { seconds, perSecond, body, headers });
};
for (const mode of modes) await turnOf(mode, -1);
const turns: Record<Mode, Omit<Times, "pick">>[] = [];
for (let round = 0; round < rounds; round++) {
  // Each goes first as often as the other.
  const [first, second] = round % 2 === 0 ? modes : ([modes[1], modes[0]] as const);
  const [a, b] = [await turnOf(first, round), await turnOf(second, round)];
  turns.push(first === "numbers" ? { numbers: a, off: b } : { numbers: b, off: a });
}
const pairs = await comparedPairs(gateways.numbers);
// Envoy writes what is left of its log when it ends.
for (const mode of modes) await gateways[mode].stop();
await stopModelServers(servers);
const picks = { numbers: pickTimes("numbers"), off: pickTimes("off") };
rmSync(folder, { recursive: true, force: true });

process.stdout.write(
  `${perSecond} requests/s, all mirrored, ${rounds} rounds of two turns of ${seconds} s; medians of the turns' own quantiles; ratio with its 95 % interval (bootstrap of rounds)\n`,
);
process.stdout.write("           off ms  numbers ms  ratio  interval\n");
let picked = { ratio: Number.NaN, lower: Number.NaN, upper: Number.NaN };
for (const metric of ["pick", "ttft", "e2e"] as const) {
  for (const [share, name] of [
    [0.5, "p50"],
    [0.9, "p90"],
    [0.99, "p99"],
  ] as const) {
    const of = (mode: Mode, round: number) =>
      (metric === "pick" ? picks[mode][round] : turns[round]?.[mode][metric]) ?? [];
    const found = quantileRatio(
      turns.map((_, round) => ({ changed: of("numbers", round), base: of("off", round) })),
      share,
    );
    if (metric === "pick" && name === "p99") picked = found;
    process.stdout.write(
      `${metric.padEnd(4)} ${name}  ${found.base.toFixed(2).padStart(7)} ${found.changed.toFixed(2).padStart(11)} ${found.ratio.toFixed(3).padStart(6)}  ${found.lower.toFixed(3)} to ${found.upper.toFixed(3)}\n`,
    );
  }
}
process.stdout.write(`pairs with numbers: ${pairs}\n`);
process.stdout.write(
  `ratio of the p99 of picks ${picked.ratio.toFixed(3)}, ${picked.lower.toFixed(3)} to ${picked.upper.toFixed(3)} (at most ${allowed} is asked for)\n`,
);
process.exitCode = picked.ratio <= allowed ? 0 : 1;
