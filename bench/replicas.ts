// 1, 2 and 4 peers that pick in one simulated pool, with and without telling each other, on a virtual clock: the
// same seeds print the same bytes. Exits 1 if 2 or 4 peers that exchange reports have a p99 of the time to first
// token above 1.10 times that of one. The time between reports was chosen on seeds 1 to 5, so they are not played.
// `npm run bench:replicas [-- --seeds 15 --first-seed 6 --seconds 330 --every 5 --only chat,bursts --pickers 2,4]`
import { parseArgs } from "node:util";
import { play } from "./quality/play.ts";
import { type Exchange, replicated } from "./quality/replicas.ts";
import { type Workload, workloads } from "./quality/workloads.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "15" },
    "first-seed": { type: "string", default: "6" },
    seconds: { type: "string", default: "330" },
    every: { type: "string", default: "5" },
    only: { type: "string", default: "chat,lora,bursts,long,slow,mixed" },
    pickers: { type: "string", default: "2,4" },
  },
});
const exchange: Exchange = { everyMs: Number(values.every), delayMs: 2 };
const firstSeed = Number(values["first-seed"]);
const seeds = Array.from({ length: Number(values.seeds) }, (_, i) => firstSeed + i);
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
    p99s: all.map(({ ttftMs }) => ttftMs.p99),
    hits: mean(({ prefixHitRate }) => prefixHitRate),
  };
}

/** Two standard errors of the ratio of two means over the same seeds. */
function marginOf(several: readonly number[], one: readonly number[]): number {
  const mean = (all: readonly number[]) => all.reduce((sum, each) => sum + each, 0) / all.length;
  const ratio = mean(several) / mean(one);
  const rests = several.map((each, i) => each - ratio * (one[i] ?? 0));
  const variance = mean(rests.map((rest) => rest ** 2)) / Math.max(1, rests.length - 1);
  return (2 * Math.sqrt(variance)) / mean(one);
}

const columns = [
  "workload",
  "pickers",
  "exchange",
  "TTFT p50",
  "p99",
  "p99 ratio",
  "± 2 SE",
  "prefix hits",
];
const line = (cells: readonly string[]) => `${cells.map((cell) => cell.padEnd(11)).join("")}\n`;
process.stdout.write(
  `TTFT in ms, means of seeds ${seeds[0]} to ${seeds.at(-1)}; ratio: to one picker; reports every ${exchange.everyMs} ms\n`,
);
process.stdout.write(line(columns));
let missed = 0;
const counts = values.pickers.split(",").map(Number);
/** One picker, which all ratios are to, and the others, without and with the exchange. */
const played = [
  [1, undefined] as const,
  ...counts.map((count) => [count, undefined] as const),
  ...counts.map((count) => [count, exchange] as const),
];
for (const workload of workloads.filter(({ name }) => values.only.split(",").includes(name))) {
  const one = outcomeOf(workload, 1, undefined);
  for (const [count, exchanging] of played) {
    const { p50, p99, p99s, hits } = count === 1 ? one : outcomeOf(workload, count, exchanging);
    const ratio = p99 / one.p99;
    if (exchanging !== undefined && ratio > bar) missed++;
    process.stdout.write(
      line([
        ...[workload.name, String(count), exchanging === undefined ? "no" : "yes"],
        ...[p50.toFixed(0), p99.toFixed(0), ratio.toFixed(2), marginOf(p99s, one.p99s).toFixed(2)],
        `${(100 * hits).toFixed(0)} %`,
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
