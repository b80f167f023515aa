// How often the gates about what answers say are wrong, by simulation. `npm run sim:outputs -- --help`
import { parseArgs } from "node:util";
import { createRandom } from "@umbra/shadow/statistics";
import { judgeRun } from "./outputs/judge-run.ts";
import {
  type Bar,
  isKept,
  type Scenario,
  scenarios,
  type Unit,
  units,
} from "./outputs/scenarios.ts";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    help: { type: "boolean", default: false },
  },
});

if (values.help) {
  process.stdout.write(`Usage: npm run sim:outputs -- [--runs N] [--seed N]

Simulates evaluations of known truth, 2,000 pairs each, and prints how often the gates out.* pass and fail. About five
minutes with 200 runs. Exit status: 0 when every bar is met within its Monte Carlo error, 1 when one is missed.
`);
  process.exit();
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  process.stderr.write(`--${name}: "${text}" is no whole number above 0\n`);
  process.exit(2);
}

const runs = wholeNumber("runs", values.runs);
const seed = wholeNumber("seed", values.seed);

/** Simulates one row of the table; returns whether its bar is met. */
function simulate(scenario: Scenario, unit: Unit): boolean {
  const random = createRandom(seed);
  const counts = { PASS: 0, FAIL: 0, open: 0 };
  for (let run = 0; run < runs; run++) counts[judgeRun(random, scenario, unit)]++;
  const percent = (count: number) => ((100 * count) / runs).toFixed(1);
  const isMet = isKept(scenario, { ...counts, runs });
  const cells = [scenario.gate, scenario.name, unit.name, percent(counts.PASS)];
  const bars = scenario.bars.map(barWords).join(", ");
  const outcome = isMet ? "met" : "MISSED";
  process.stdout.write(`| ${[...cells, percent(counts.FAIL), bars, outcome].join(" | ")} |\n`);
  return isMet;
}

function barWords({ of, share }: Bar): string {
  return `${of} ${of === "found" ? "≥" : "≤"} ${100 * share} %`;
}

process.stdout.write("| gate | truth | traffic | PASS, % | FAIL, % | bar | met |\n");
process.stdout.write("| --- | --- | --- | --: | --: | --- | --- |\n");
const outcomes = scenarios.flatMap((scenario) => units.map((unit) => simulate(scenario, unit)));
process.exitCode = outcomes.every(Boolean) ? 0 : 1;
