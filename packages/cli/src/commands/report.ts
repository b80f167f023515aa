import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { isPoolCalled } from "@umbra/envoy-config";
import {
  isReport,
  type ReportLabels,
  readLabels,
  renderReportText,
  type ShadowReport,
  type VerdictStatus,
} from "@umbra/shadow";
import { defined } from "@umbra/shadow/defined";
import { printable, printableJson } from "@umbra/shadow/printable";
import type { Command } from "commander";
import { CommandError, OutcomeError, UsageError } from "../errors.ts";
import { checked, collect, number, wholeNumber } from "../flag-values.ts";
import { commandOf, type FlagsOf, flag, outputFlag } from "../flags.ts";
import type { Io } from "../io.ts";
import { adminFlag, askAdmin } from "../process/admin-client.ts";
import { checkWritable } from "../process/usable-file.ts";
import { progressLine } from "../progress-line.ts";
import { comparisonsOf, earlierOf } from "../report/compare.ts";
import { judgeSamples } from "../report/judge-samples.ts";
import { readSamples } from "../report/read-samples.ts";
import { writeReports } from "../report/write-report.ts";
import { topologyOf } from "../resources/topology-flags.ts";

const exitStatus: Readonly<Record<VerdictStatus, number>> = {
  PASS: 0,
  FAIL: 10,
  INCONCLUSIVE: 11,
  INVALID: 12,
};
/** The worst first: it is what a gate over several candidates says. */
const worst: readonly VerdictStatus[] = ["INVALID", "FAIL", "INCONCLUSIVE", "PASS"];

const writable = checked(checkWritable);

const reportFlags = {
  admin: adminFlag,
  samples: flag(
    "--samples <file>",
    "judge this NDJSON file, - for standard input; repeatable",
    collect,
  ),
  from: flag("--from <file>", "draw this report (JSON) again"),
  against: flag("--against <file>", "put this earlier report (JSON) beside it, gate by gate"),
  label: flag(
    "--label <key=value>",
    "name what was run: commit=abc, candidate.image=…, baseline.gpu=…; repeatable",
    collect,
  ),
  file: flag(
    "-f, --file <path>",
    "with --samples: resources whose ShadowPolicies say how to judge; repeatable",
    collect,
  ),
  candidate: flag("--candidate <pool>", "only this shadow pool"),
  control: flag(
    "--control <pool>",
    "with --samples: the pool whose samples are the control lane's",
  ),
  horizon: flag("--horizon <seconds>", "with --samples: planned length", number(1, 31_536_000)),
  minPairs: flag(
    "--min-pairs <count>",
    "with --samples: least number of pairs",
    wholeNumber(200, 10_000_000),
  ),
  warmup: flag("--warmup <seconds>", "with --samples: left out at the start", number(0, 86_400)),
  blockLengths: flag(
    "--block-lengths <seconds,…>",
    "with --samples: lengths of time blocks to choose from",
    secondsList,
  ),
  seed: flag(
    "--seed <number>",
    "with --samples: seed of the bootstrap",
    wholeNumber(0, 4_294_967_295),
  ),
  sameModel: flag(
    "--same-model",
    "with --samples: the candidate runs the same model, so lengths must agree",
  ),
  output: outputFlag("how the report is printed"),
  html: flag("--html <file>", "write one self-contained page", writable),
  markdown: flag(
    "--markdown <file>",
    "write Markdown for a comment, - for standard output",
    writable,
  ),
  junit: flag("--junit <file>", "write JUnit XML, - for standard output", writable),
  gate: flag(
    "--gate",
    "turn the verdict into the exit status: 0 PASS, 10 FAIL, 11 INCONCLUSIVE, 12 INVALID",
  ),
  wait: flag("--wait", "wait for the final verdict: the planned end's, or a FAIL before it"),
};

type ReportFlags = FlagsOf<typeof reportFlags>;

/** `umbra report`: the verdict, from a running sidecar, from samples or from an earlier report. */
export function reportCommand(io: Io): Command {
  return commandOf("report", {
    summary: "judge the shadow against the primary",
    description:
      "Shows the verdict on every candidate, with what it stands on: from a running sidecar (--admin), from samples files (--samples) or from an earlier report's JSON (--from).",
    examples: [
      "umbra report",
      "umbra report --wait --gate --html report.html",
      "umbra report --samples monday.ndjson --samples tuesday.ndjson -o json",
      "umbra report --against last-week.json --label commit=3f9c2d1 --label candidate.gpu=L40S",
    ],
    flags: [reportFlags],
  }).action((flags: ReportFlags) => runReport(flags, io));
}

async function runReport(flags: ReportFlags, io: Io): Promise<void> {
  const sources = [flags.samples, flags.from].filter((each) => each !== undefined).length;
  if (sources > 1) throw new UsageError("give one of --samples and --from");
  if (flags.wait === true && sources > 0) {
    throw new UsageError("--wait is for a running sidecar: samples and reports do not change");
  }
  const labels = labelsOf(flags.label ?? []);
  const earlier = flags.against === undefined ? [] : readReports(flags.against);
  const all =
    flags.from !== undefined
      ? readReports(flags.from)
      : flags.samples !== undefined
        ? await fromSamples(flags.samples, flags, io)
        : await fromSidecar(flags, io);
  const reports = chosen(all, flags.candidate).map((report) => labelled(report, labels));
  const againstOf = earlierOf(reports, earlier);
  if (flags.output === "json") {
    const [only] = reports;
    const json =
      flags.against !== undefined
        ? { schema: "shadow-comparisons/1", comparisons: comparisonsOf(reports, againstOf) }
        : reports.length === 1 && only !== undefined
          ? only
          : { schema: "shadow-reports/1", reports };
    io.stdout(`${printableJson(json)}\n`);
  } else if (flags.markdown !== "-" && flags.junit !== "-") {
    const texts = reports.map((report) =>
      renderReportText(report, { color: io.hasColour, ...defined({ against: againstOf(report) }) }),
    );
    io.stdout(`${texts.join("\n\n")}\n`);
  }
  writeReports(reports, { files: flags, againstOf }, io);
  if (flags.gate !== true) return;
  const verdict = worst.find((status) => reports.some((each) => each.verdict.status === status));
  if (verdict !== undefined && verdict !== "PASS") throw new OutcomeError(exitStatus[verdict]);
}

function labelsOf(pairs: readonly string[]): ReportLabels {
  const read = readLabels(pairs);
  if (!read.ok) throw new UsageError(`--label ${read.problem}`);
  return read.labels;
}

/** With the labels that it has already. */
function labelled(report: ShadowReport, labels: ReportLabels): ShadowReport {
  if (Object.keys(labels).length === 0) return report;
  return { ...report, labels: { ...report.labels, ...labels } };
}

function chosen(
  reports: readonly ShadowReport[],
  candidate: string | undefined,
): readonly ShadowReport[] {
  if (reports.length === 0) {
    throw new CommandError(
      "there is nothing to report yet: no request was mirrored; is there traffic, and a mirror in the route?",
    );
  }
  if (candidate === undefined) return reports;
  const found = reports.filter(({ candidate: { pool } }) => isPoolCalled(pool, candidate));
  if (found.length > 0) return found;
  const there = reports.map(({ candidate: { pool } }) => pool).join(", ");
  throw new UsageError(`--candidate names "${candidate}", which has no report; there are ${there}`);
}

async function fromSidecar(
  { admin, wait, candidate }: ReportFlags,
  io: Io,
): Promise<readonly ShadowReport[]> {
  const progress = progressLine(io);
  try {
    for (;;) {
      const { reports } = await askAdmin(admin, "/v1/report", { signal: io.signal });
      const isOver = reports.length > 0 && reports.every(isSettled);
      if (wait !== true || isOver) return reports;
      const [report] = candidate === undefined ? reports : chosen(reports, candidate);
      progress.show(report === undefined ? "no mirrored request yet" : progressOf(report));
      await sleep(2_000, undefined, { signal: io.signal });
    }
  } finally {
    progress.end();
  }
}

/** Its verdict is final, or no more pairs come. */
function isSettled({ verdict, limits_hit }: ShadowReport): boolean {
  return verdict.final !== null || limits_hit.some((limit) => limit.startsWith("the budget"));
}

function progressOf({ evaluation, funnel, verdict }: ReportOf): string {
  const left = verdict.next.eta_s;
  const eta = left === null ? "" : `, about ${Math.ceil(left / 60)} min left`;
  const minutes = (seconds: number) => (seconds / 60).toFixed(1);
  return `${minutes(evaluation.elapsed_s)} of ${minutes(evaluation.horizon_s)} min: ${funnel.used} pairs used of ${evaluation.min_pairs} wanted, ${verdict.status === "INCONCLUSIVE" ? "collecting" : verdict.status}${eta}`;
}

type ReportOf = Pick<ShadowReport, "evaluation" | "funnel" | "verdict">;

async function fromSamples(
  files: readonly string[],
  flags: ReportFlags,
  io: Io,
): Promise<readonly ShadowReport[]> {
  const { samples, problems, broken, repeated } = await readSamples(files, io.streamStdin);
  for (const problem of problems) io.stderr(`${printable(problem)}\n`);
  if (broken > 0) io.stderr(`${broken} broken ${broken === 1 ? "line" : "lines"} left out\n`);
  if (repeated > 0) io.stderr(`${repeated} samples stood more than once\n`);
  const topology =
    flags.file === undefined ? undefined : topologyOf({ file: flags.file }, io).topology;
  const { horizon, minPairs, warmup, blockLengths, seed, sameModel, control } = flags;
  const inMs = (seconds: number | undefined) =>
    seconds === undefined ? undefined : seconds * 1_000;
  const settings = defined({
    horizonMs: inMs(horizon),
    minPairs,
    warmupMs: inMs(warmup),
    blockLengthsMs: blockLengths?.map((seconds) => seconds * 1_000),
    seed,
    isSameModel: sameModel,
  });
  return judgeSamples(samples, { settings, topology, control });
}

/** Reads one report, or a list of them, as `-o json` writes them. */
function readReports(file: string): readonly ShadowReport[] {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new CommandError(`${file} can't be read: ${(cause as Error).message}`, { cause });
  }
  const reports = reportsIn(json);
  if (reports.some((each) => schemaOf(each) === "shadow-report/1")) {
    const how = "judge its samples again: umbra report --samples run.ndjson";
    throw new CommandError(`${file} is of an earlier version, shadow-report/1; ${how}`);
  }
  if (!reports.every(isReport)) {
    const isPartial = reports.some((each) => schemaOf(each) === "shadow-report/2");
    const why = isPartial ? "parts of it are missing" : "its `schema` must be shadow-report/2";
    const how = "write it with umbra report -o json";
    throw new CommandError(`${file} is no report: ${why}; ${how}`);
  }
  return reports;
}

/** A list of reports, or the JSON itself as the only one. */
function reportsIn(json: unknown): readonly unknown[] {
  const reports = (json as { readonly reports?: unknown } | null)?.reports;
  return Array.isArray(reports) ? reports : [json];
}

function schemaOf(json: unknown): unknown {
  return (json as { readonly schema?: unknown } | null)?.schema;
}

function secondsList(text: string): readonly number[] {
  const seconds = text.split(",").map(Number);
  if (seconds.some((each) => !(each >= 0.1 && each <= 3_600))) {
    throw new UsageError(`--block-lengths takes seconds such as 10,20,30, not "${text}"`);
  }
  return seconds.toSorted((a, b) => a - b);
}
