// Proves the verdicts of shadow evaluations by simulation: whole evaluations of known traffic and truth.
// `npm run sim:evaluation [-- --for hours|nightly|minute --cell NAME --runs 200 --seed 1 --jobs 2 --markdown]`
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { barsOf } from "./evaluation/bars.ts";
import { cellsOf } from "./evaluation/cells.ts";
import { forms, isFormName } from "./evaluation/forms.ts";
import { type Progress, runCells } from "./evaluation/run.ts";
import { tablesOf } from "./evaluation/tables/all.ts";
import { markdownOf, textOf } from "./evaluation/tables/table.ts";

const { values } = parseArgs({
  options: {
    for: { type: "string", default: "hours" },
    cell: { type: "string", multiple: true },
    runs: { type: "string" },
    seed: { type: "string", default: "1" },
    jobs: { type: "string", default: String(availableParallelism()) },
    markdown: { type: "boolean", default: false },
  },
});

function fail(text: string): never {
  process.stderr.write(`${text}\n`);
  process.exit(2);
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  return fail(`--${name}: "${text}" is no whole number above 0`);
}

const isTerminal = process.stderr.isTTY === true;
let shownMs = 0;

function showProgress({ done, all, elapsedMs, leftMs }: Progress): void {
  const everyMs = isTerminal ? 500 : 30_000;
  if (done < all && elapsedMs - shownMs < everyMs) return;
  shownMs = elapsedMs;
  const text = `${done} of ${all} evaluations, ${minutes(elapsedMs)} passed, ${minutes(leftMs)} left`;
  process.stderr.write(isTerminal ? `\r${text}\u001b[K${done === all ? "\n" : ""}` : `${text}\n`);
}

function minutes(ms: number): string {
  return ms < 60_000 ? `${Math.ceil(ms / 1_000)} s` : `${Math.ceil(ms / 60_000)} min`;
}

const name = values.for;
if (!isFormName(name)) fail(`--for: "${name}" is none of ${Object.keys(forms).join(", ")}`);
const form = forms[name];
const wanted = cellsOf(form.cells, values.cell);
if (wanted.length === 0)
  fail(`--cell: no cell of this form has "${values.cell?.join('", "')}" in its name`);
const runs = values.runs === undefined ? form.runs : wholeNumber("runs", values.runs);
const seed = wholeNumber("seed", values.seed);

const stop = new AbortController();
process.once("SIGINT", () => stop.abort());
const tallies = await runCells({
  ...{ wanted, runs, seed, jobs: wholeNumber("jobs", values.jobs) },
  signal: stop.signal,
  onProgress: showProgress,
});
const head = `Form ${name}, seed ${seed}, ${runs} evaluations of a cell${stop.signal.aborted ? ", interrupted" : ""}.`;
const tables = tablesOf(tallies);
const print = values.markdown ? markdownOf : textOf;
process.stdout.write(`${head}\n\n${tables.map(print).join("\n")}`);
const missed = tallies.flatMap(barsOf).filter(({ status }) => status === "missed");
process.stderr.write(`${missed.length} bars missed\n`);
if (missed.length > 0) process.exitCode = 1;
