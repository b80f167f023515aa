// 1, 2 and 4 peers that pick in one simulated pool, with and without telling each other, on a virtual clock: the
// same seeds print the same bytes. Exits 1 if 2 or 4 peers that exchange reports have a p99 of the time to first
// token above 1.10 times that of one.
// `npm run bench:replicas [-- --seeds 5 --seconds 330 --every 5 --only chat,bursts]`
import { parseArgs } from "node:util";
import { play } from "./quality/play.ts";
import { type Exchange, replicated } from "./quality/replicas.ts";
import { type Workload, workloads } from "./quality/workloads.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "5" },
    seconds: { type: "string", default: "330" },
    every: { type: "string", default: "5" },
    only: { type: "string", default: "chat,lora,bursts,long,slow,mixed" },
  },
});
const exchange: Exchange = { everyMs: Number(values.every), delayMs: 2 };
const seeds = Array.from({ length: Number(values.seeds) }, (_, i) => i + 1);
/** Highest allowed p99 of several peers divided by that of one. */
const bar = 1.1;

/** Means over the seeds. */
function outcomeOf(workload: Workload, count: number, exchanging: Exchange | undefined) {
  const all = seeds.map((seed) =>
    play(workload, replicated(count, exchanging), {
      seed,
      seconds: Number(values.seconds),
      scrapeEveryMs: 100,
    }),
  );
  const mean = (of: (each: (typeof all)[number]) => number) =>
    all.reduce((sum, each) => sum + of(each), 0) / all.length;
  return {
    p50: mean(({ ttftMs }) => ttftMs.p50),
    p99: mean(({ ttftMs }) => ttftMs.p99),
    hits: mean(({ prefixHitRate }) => prefixHitRate),
  };
}

const columns = ["workload", "pickers", "exchange", "TTFT p50", "p99", "p99 ratio", "prefix hits"];
const line = (cells: readonly string[]) => `${cells.map((cell) => cell.padEnd(11)).join("")}\n`;
process.stdout.write(
  `TTFT in ms, means of ${seeds.length} seeds; ratio: to one picker; reports every ${exchange.everyMs} ms\n`,
);
process.stdout.write(line(columns));
let missed = 0;
for (const workload of workloads.filter(({ name }) => values.only.split(",").includes(name))) {
  const one = outcomeOf(workload, 1, undefined);
  for (const [count, exchanging] of [
    [1, undefined],
    [2, undefined],
    [4, undefined],
    [2, exchange],
    [4, exchange],
  ] as const) {
    const { p50, p99, hits } = count === 1 ? one : outcomeOf(workload, count, exchanging);
    const ratio = p99 / one.p99;
    if (exchanging !== undefined && ratio > bar) missed++;
    process.stdout.write(
      line([
        ...[workload.name, String(count), exchanging === undefined ? "no" : "yes"],
        ...[p50.toFixed(0), p99.toFixed(0), ratio.toFixed(2), `${(100 * hits).toFixed(0)} %`],
      ]),
    );
  }
}
process.stdout.write(
  missed === 0
    ? `with the exchange, every ratio is at most ${bar.toFixed(2)}\n`
    : `with the exchange, ${missed} ratios are above ${bar.toFixed(2)}\n`,
);
process.exitCode = missed === 0 ? 0 : 1;
