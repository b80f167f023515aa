import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { isPoolCalled, type Topology } from "@umbra/envoy-config";
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
import { readResources } from "../kube/read-resources.ts";
import { type PolicyState, policiesText, readPolicies } from "../kube/shadow-policies.ts";
import { adminFlag, queryAdmin } from "../process/admin-client.ts";
import { checkWritable } from "../process/usable-file.ts";
import { progressLine } from "../progress-line.ts";
import { comparisonsOf, earlierOf } from "../report/compare.ts";
import { judgeSamples } from "../report/judge-samples.ts";
import { readSamples } from "../report/read-samples.ts";
import { writeReports } from "../report/write-report.ts";
import { type KubeFlags, kubeChoiceOf, kubeFlags } from "../resources/kube-flags.ts";
import { print } from "../tables.ts";

const exitStatus: Readonly<Record<VerdictStatus, number>> = {
  PASS: 0,
  FAIL: 10,
  INCONCLUSIVE: 11,
  INVALID: 12,
};
/** Worst first. With several candidates, the exit status reports the worst verdict. */
const worst: readonly VerdictStatus[] = ["INVALID", "FAIL", "INCONCLUSIVE", "PASS"];

const writable = checked(checkWritable);

const reportFlags = {
  admin: adminFlag,
  samples: flag(
    "--samples <file>",
    "evaluate this NDJSON samples file; - for standard input; repeatable",
    collect,
  ),
  from: flag("--from <file>", "print this saved report (JSON) again"),
  against: flag("--against <file>", "compare with this earlier report (JSON), gate by gate"),
  label: flag(
    "--label <key=value>",
    "label the run: commit=abc, candidate.image=…, baseline.gpu=…; repeatable",
    collect,
  ),
  file: flag(
    "-f, --file <path>",
    "with --samples: resources whose ShadowPolicies define the evaluation; repeatable",
    collect,
  ),
  candidate: flag("--candidate <pool>", "report on this shadow pool only"),
  control: flag("--control <pool>", "with --samples: the control pool"),
  horizon: flag("--horizon <seconds>", "with --samples: planned duration", number(1, 31_536_000)),
  minPairs: flag(
    "--min-pairs <count>",
    "with --samples: minimum number of pairs",
    wholeNumber(200, 10_000_000),
  ),
  warmup: flag(
    "--warmup <seconds>",
    "with --samples: time to ignore at the start",
    number(0, 86_400),
  ),
  blockLengths: flag(
    "--block-lengths <seconds,…>",
    "with --samples: lengths of time blocks to choose from",
    secondsList,
  ),
  seed: flag(
    "--seed <number>",
    "with --samples: random seed of the statistical bootstrap",
    wholeNumber(0, 4_294_967_295),
  ),
  sameModel: flag(
    "--same-model",
    "with --samples: the candidate runs the same model, so answer lengths are compared too",
  ),
  output: outputFlag("output format"),
  html: flag("--html <file>", "write a self-contained HTML page", writable),
  markdown: flag(
    "--markdown <file>",
    "write Markdown, for example for a review comment; - for standard output",
    writable,
  ),
  junit: flag("--junit <file>", "write JUnit XML; - for standard output", writable),
  closed: flag(
    "--closed",
    "report on closed evaluations: those whose settings changed or whose mirror was removed before the end",
  ),
  gate: flag(
    "--gate",
    "set the exit status from the verdict: 0 PASS, 10 FAIL, 11 INCONCLUSIVE, 12 INVALID",
  ),
  wait: flag("--wait", "wait for the final verdict: at the planned end, or earlier on FAIL"),
};

type ReportFlags = FlagsOf<typeof reportFlags> & KubeFlags;

/** `umbra report`: prints the verdict from a running sidecar, from samples or from an earlier report. */
export function reportCommand(io: Io): Command {
  return commandOf("report", {
    summary: "compare the shadow with the primary and print the verdict",
    description:
      "Shows the verdict and its evidence for each candidate. The data comes from a running sidecar (--admin), samples files (--samples) or a saved JSON report (--from). With --kube alone, shows the status of the ShadowPolicies in a Kubernetes cluster. With --kube and --samples, judges the samples by these ShadowPolicies.",
    examples: [
      "umbra report",
      "umbra report --wait --gate --html report.html",
      "umbra report --samples monday.ndjson --samples tuesday.ndjson -o json",
      "umbra report --kube --namespace inference --gate",
      "umbra report --against last-week.json --label commit=3f9c2d1 --label candidate.gpu=L40S",
    ],
    flags: [reportFlags, kubeFlags],
  }).action((flags: ReportFlags) => runReport(flags, io));
}

async function runReport(flags: ReportFlags, io: Io): Promise<void> {
  const choice = kubeChoiceOf(flags);
  if (choice !== undefined && flags.samples === undefined) {
    refuseWithPolicies(flags);
    reportPolicies(await readPolicies(choice, io), flags, io);
    return;
  }
  const sources = [flags.samples, flags.from].filter((each) => each !== undefined).length;
  if (sources > 1) throw new UsageError("give either --samples or --from, not both");
  if (flags.wait === true && sources > 0) {
    throw new UsageError("--wait needs a running sidecar: samples and saved reports do not change");
  }
  if (flags.wait === true && flags.closed === true) {
    throw new UsageError("--wait needs a running evaluation: leave out --closed");
  }
  const labels = labelsOf(flags.label ?? []);
  const earlier = flags.against === undefined ? [] : readReports(flags.against);
  const all =
    flags.from !== undefined
      ? readReports(flags.from)
      : flags.samples !== undefined
        ? await fromSamples(flags.samples, flags, io)
        : await fromSidecar(flags, io);
  const found = flags.from === undefined ? openOrClosed(all, flags, io) : all;
  const reports = chosen(found, flags.candidate).map((report) => addLabels(report, labels));
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
  if (flags.gate === true) refuseVerdicts(reports.map(({ verdict }) => verdict.status));
}

/** Ends the command with the worst verdict's exit status, if that is not PASS. */
function refuseVerdicts(verdicts: readonly string[]): void {
  const verdict = worst.find((status) => verdicts.includes(status));
  if (verdict !== undefined && verdict !== "PASS") throw new OutcomeError(exitStatus[verdict]);
}

/** A policy without a report counts as INCONCLUSIVE. */
function reportPolicies(policies: readonly PolicyState[], flags: ReportFlags, io: Io): void {
  const json = { schema: "shadow-policies/1", policies };
  print(flags.output, json, policiesText(policies), io);
  if (flags.gate === true) {
    refuseVerdicts(policies.map(({ verdict }) => verdict ?? "INCONCLUSIVE"));
  }
}

/** A status has no evidence: what needs a whole report has to name where that is. */
function refuseWithPolicies(flags: ReportFlags): void {
  const { from, against, label, file, candidate, html, markdown, junit, wait, closed } = flags;
  const given = Object.entries({
    ...{ from, against, label, candidate, html, markdown, junit, wait, closed },
    "-f": file,
  }).find(([, value]) => value !== undefined);
  if (given === undefined) return;
  const name = given[0].startsWith("-") ? given[0] : `--${given[0]}`;
  throw new UsageError(
    `${name} needs a whole report, and --kube reads only what the status of ShadowPolicies says: leave out --kube, or give --samples too`,
  );
}

function labelsOf(pairs: readonly string[]): ReportLabels {
  const read = readLabels(pairs);
  if (!read.ok) throw new UsageError(`--label ${read.problem}`);
  return read.labels;
}

/** Adds to the labels that the report already has. */
function addLabels(report: ShadowReport, labels: ReportLabels): ShadowReport {
  if (Object.keys(labels).length === 0) return report;
  return { ...report, labels: { ...report.labels, ...labels } };
}

/** Chooses the closed evaluations with `--closed`, otherwise the others. */
function openOrClosed(
  reports: readonly ShadowReport[],
  { closed: isClosed }: ReportFlags,
  io: Io,
): readonly ShadowReport[] {
  const closed = reports.filter(({ evaluation }) => evaluation.closed !== undefined);
  if (isClosed === true) {
    if (closed.length === 0) throw new CommandError("no evaluation was closed before its end");
    return closed;
  }
  if (closed.length > 0) {
    const evaluations =
      closed.length === 1 ? "1 evaluation was" : `${closed.length} evaluations were`;
    io.stderr(`${evaluations} closed before the end: umbra report --closed\n`);
  }
  return reports.filter(({ evaluation }) => evaluation.closed === undefined);
}

/** The reports on this candidate; all of them where none is named. */
function calledAs(
  reports: readonly ShadowReport[],
  candidate: string | undefined,
): readonly ShadowReport[] {
  if (candidate === undefined) return reports;
  return reports.filter(({ candidate: { pool } }) => isPoolCalled(pool, candidate));
}

function chosen(
  reports: readonly ShadowReport[],
  candidate: string | undefined,
): readonly ShadowReport[] {
  if (reports.length === 0) {
    throw new CommandError(
      "nothing to report: no request was mirrored yet. Check that there is traffic and that the route has a mirror",
    );
  }
  const found = calledAs(reports, candidate);
  if (found.length > 0) return found;
  const there = reports.map(({ candidate: { pool } }) => pool).join(", ");
  throw new UsageError(
    `--candidate: there is no report for "${candidate}"; choose one of ${there}`,
  );
}

async function fromSidecar(
  { admin, wait, candidate }: ReportFlags,
  io: Io,
): Promise<readonly ShadowReport[]> {
  const progress = progressLine(io);
  try {
    for (;;) {
      const { reports, closed = [] } = await queryAdmin(admin, "/v1/report", { signal: io.signal });
      // A candidate has a report only from its first mirrored request on; where all others are over, it has none.
      const wanted = calledAs(reports, candidate);
      const awaited = wanted.length > 0 ? wanted : reports;
      const isOver = awaited.length > 0 && awaited.every(isSettled);
      if (wait !== true || isOver) return [...reports, ...closed];
      const [report] = wanted;
      progress.show(report === undefined ? "no mirrored request yet" : progressOf(report));
      await sleep(2_000, undefined, { signal: io.signal });
    }
  } finally {
    progress.end();
  }
}

/** True if the verdict is final or no more pairs will arrive. */
function isSettled({ verdict, limits_hit }: ShadowReport): boolean {
  return verdict.final !== null || limits_hit.some((limit) => limit.startsWith("the budget"));
}

function progressOf({ evaluation, funnel, verdict }: ReportOf): string {
  const left = verdict.next.eta_s;
  const eta = left === null ? "" : `, about ${Math.ceil(left / 60)} min left`;
  const minutes = (seconds: number) => (seconds / 60).toFixed(1);
  return `${minutes(evaluation.elapsed_s)} of ${minutes(evaluation.horizon_s)} min: ${funnel.used} of ${evaluation.min_pairs} required pairs, ${verdict.status === "INCONCLUSIVE" ? "collecting" : verdict.status}${eta}`;
}

type ReportOf = Pick<ShadowReport, "evaluation" | "funnel" | "verdict">;

async function fromSamples(
  files: readonly string[],
  flags: ReportFlags,
  io: Io,
): Promise<readonly ShadowReport[]> {
  const read = await readSamples(files, io.streamStdin);
  const { samples, evaluations, problems, broken, repeated } = read;
  for (const problem of problems) io.stderr(`${printable(problem)}\n`);
  if (broken > 0) io.stderr(`skipped ${broken} invalid ${broken === 1 ? "line" : "lines"}\n`);
  if (repeated > 0) io.stderr(`skipped ${repeated} duplicate samples\n`);
  const topology = await policiesFor(flags, io);
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
  return judgeSamples(samples, { settings, topology, control, evaluations });
}

/** The topology whose ShadowPolicies define the evaluation of samples. */
async function policiesFor(flags: ReportFlags, io: Io): Promise<Topology | undefined> {
  const { file, kube, kubeconfig, namespace, allNamespaces } = flags;
  if (file === undefined && kube === undefined) return undefined;
  const given = defined({ file, kube, kubeconfig, namespace, allNamespaces });
  return (await readResources(given, io, { isRendering: false })).topology;
}

/** Reads one report or a list of reports, as `-o json` writes them. */
function readReports(file: string): readonly ShadowReport[] {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new CommandError(`${file} can't be read: ${(cause as Error).message}`, { cause });
  }
  const reports = reportsIn(json);
  if (reports.some((each) => schemaOf(each) === "shadow-report/1")) {
    const how = "evaluate its samples again: umbra report --samples run.ndjson";
    throw new CommandError(`${file} has the older format shadow-report/1; ${how}`);
  }
  if (!reports.every(isReport)) {
    const isPartial = reports.some((each) => /^shadow-report\/[23]$/.test(String(schemaOf(each))));
    const why = isPartial
      ? "parts are missing"
      : "its `schema` must be shadow-report/2 or shadow-report/3";
    const how = "create one with umbra report -o json";
    throw new CommandError(`${file} is not a report: ${why}; ${how}`);
  }
  return reports;
}

/** Returns the reports in a list, or the JSON itself as the only report. */
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
    throw new UsageError(`--block-lengths expects seconds such as 10,20,30, got "${text}"`);
  }
  return seconds.toSorted((a, b) => a - b);
}
