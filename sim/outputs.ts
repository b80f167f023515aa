// How often the gates about what answers say are wrong, by simulation. `npm run sim:outputs -- --help`
import { parseArgs } from "node:util";
import { outputColumns, simulateOutputs } from "./outputs/table.ts";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    help: { type: "boolean", default: false },
  },
});

if (values.help) {
  process.stdout.write(`Usage: npm run sim:outputs -- [--runs N] [--seed N]

Simulates evaluations of known truth and prints how often the gates out.* pass and fail. They have 2,000 pairs each, or
20,000 with a model as judge. About six minutes with 200 runs.
Exit status: 0 when every bar is met within its Monte Carlo error, 1 when one is missed.
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

const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |\n`;
process.stdout.write(line(outputColumns));
process.stdout.write("| --- | --- | --- | --: | --: | --- | --- |\n");
const { missed } = await simulateOutputs({
  ...{ runs, seed, onRow: (cells) => void process.stdout.write(line(cells)) },
});
process.exitCode = missed === 0 ? 0 : 1;
