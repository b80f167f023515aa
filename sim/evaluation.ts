// Proves the verdicts of shadow evaluations by simulation: whole evaluations of known traffic and truth.
// `npm run sim:evaluation -- --help`
import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { barsOf } from "./evaluation/bars.ts";
import { cellsOf } from "./evaluation/cells.ts";
import { codeHash } from "./evaluation/code-hash.ts";
import { forms, isFormName } from "./evaluation/forms.ts";
import { type KeptRuns, openKeptRuns } from "./evaluation/kept-runs.ts";
import { type Progress, runCells } from "./evaluation/run.ts";
import { tablesOf } from "./evaluation/tables/all.ts";
import { pageOf } from "./evaluation/tables/page.ts";
import { markdownOf, textOf } from "./evaluation/tables/table.ts";
import { outputScenarios, simulateOutputs } from "./outputs/table.ts";

const values = readOptions();

const help = `Usage: npm run sim:evaluation -- [options]

Simulates whole evaluations of known traffic and truth, and prints how often their verdicts are wrong.

  --for FORM    hours (default), nightly (15 min on two cores) or minute
  --cell NAME   only cells, and rows about answers (such as out.sim), with this in their name; may be repeated
  --runs N      evaluations of a cell that is watched live; others get more. 0: only those that are kept
  --seed N      1 when absent; the same seed prints the same tables
  --jobs N      threads; all processors when absent
  --keep FILE   append each run to FILE, and continue with what is there; runs of other code or seed are refused
  --markdown    tables as Markdown
  --page        write docs/evaluation-errors.md instead of printing

Ctrl-C prints what is there. Exit status: 0 when every bar is met within its Monte Carlo error, 1 when one is
missed, 2 on wrong usage.
`;
if (values.help) {
  process.stdout.write(help);
  process.exit();
}

function readOptions() {
  try {
    return parse();
  } catch (cause) {
    return fail(`${(cause as Error).message}; see --help`);
  }
}

function parse() {
  return parseArgs({
    options: {
      for: { type: "string", default: "hours" },
      cell: { type: "string", multiple: true },
      runs: { type: "string" },
      seed: { type: "string", default: "1" },
      keep: { type: "string" },
      jobs: { type: "string", default: String(availableParallelism()) },
      markdown: { type: "boolean", default: false },
      page: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  }).values;
}

function fail(text: string): never {
  process.stderr.write(`${text}\n`);
  process.exit(2);
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  return fail(`--${name}: "${text}" is no whole number above 0`);
}

function keptRuns(path: string): KeptRuns {
  try {
    return openKeptRuns(path, { seed, code: codeHash() });
  } catch (cause) {
    return fail(`--keep: ${(cause as Error).message}`);
  }
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
if (wanted.length === 0 && outputScenarios(values.cell).length === 0)
  fail(`--cell: no cell of this form has "${values.cell?.join('", "')}" in its name`);
const isKeptOnly = values.runs === "0" && values.keep !== undefined;
const runs = isKeptOnly
  ? 0
  : values.runs === undefined
    ? form.runs
    : wholeNumber("runs", values.runs);
const seed = wholeNumber("seed", values.seed);

const stop = new AbortController();
process.once("SIGINT", () => stop.abort());
const tallies = await runCells({
  ...{ wanted, runs, seed, jobs: wholeNumber("jobs", values.jobs) },
  ...(values.keep === undefined ? {} : { kept: keptRuns(values.keep) }),
  signal: stop.signal,
  onProgress: showProgress,
});
const ending = stop.signal.aborted || isKeptOnly ? ", interrupted" : "";
const planned = isKeptOnly
  ? "as many evaluations of a cell as its row says"
  : `${runs} evaluations of a cell that is watched live`;
const head = `Form \`${name}\`, seed ${seed}, ${planned}${ending}.`;
const answers = await simulateOutputs({
  ...{ runs: form.outputRuns, seed, wanted: isKeptOnly ? [] : values.cell, signal: stop.signal },
});
const tables = tablesOf(tallies, answers.table);
if (values.page) {
  writeFileSync(new URL("../docs/evaluation-errors.md", import.meta.url), pageOf(head, tables));
} else {
  const print = values.markdown ? markdownOf : textOf;
  process.stdout.write(`${head}\n\n${tables.map(print).join("\n")}`);
}
const missed = tallies.flatMap(barsOf).filter(({ status }) => status === "missed");
const allMissed = missed.length + answers.missed;
process.stderr.write(`${allMissed} bars missed\n`);
if (allMissed > 0) process.exitCode = 1;
