import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parse, stringify } from "yaml";

export type Outcome = "PASS" | "FAIL" | "SKIP";

export interface TestResult {
  readonly name: string;
  readonly outcome: Outcome;
  readonly seconds: number;
}

export interface SuiteOptions {
  /** The suite's test binary. */
  readonly program: string;
  readonly kubeconfig: string;
  /** For its options, its log and its report. */
  readonly folder: string;
  /** Of the suite's ConformanceOptions. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly onResult: (result: TestResult) => void;
}

export interface SuiteRun {
  readonly status: number | null;
  readonly results: readonly TestResult[];
  /** Where the suite's report is, if it came so far. */
  readonly report: string;
  readonly log: string;
}

/** A whole suite, with every wait at its longest, ends well before. */
const timeout = "90m";

/** Tests of a suite are subtests of the one that holds them all. */
const resultLine = /^ {4}--- (PASS|FAIL|SKIP): [^/]+\/([^/ ]+) \(([\d.]+)s\)$/;

/** Runs a conformance suite to its end. */
export async function runSuite(run: SuiteOptions): Promise<SuiteRun> {
  const file = join(run.folder, "options.yaml");
  const [report, log] = [join(run.folder, "report.yaml"), join(run.folder, "suite.log")];
  writeFileSync(file, stringify({ ...run.options, reportOutputPath: report }));
  const flags = ["-test.v", `-test.timeout=${timeout}`, `-conformance-options-file=${file}`];
  const child = spawn(run.program, flags, {
    env: { ...process.env, KUBECONFIG: run.kubeconfig },
    stdio: ["ignore", "pipe", "pipe"],
  });
  // What it writes last to one stream may come after the end of the other.
  const closed = once(child, "close");
  const kept = createWriteStream(log);
  child.stderr.pipe(kept, { end: false });
  const results: TestResult[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    kept.write(`${line}\n`);
    const [, outcome, name = "", seconds] = resultLine.exec(line) ?? [];
    if (outcome === undefined) continue;
    const result = { name, outcome: outcome as Outcome, seconds: Number(seconds) };
    results.push(result);
    run.onResult(result);
  }
  await closed;
  kept.end();
  return { status: child.exitCode, results, report, log };
}

interface Report {
  readonly profiles: readonly {
    readonly name: string;
    readonly core?: ReportedTests;
    readonly extended?: ReportedTests;
  }[];
}

interface ReportedTests {
  readonly statistics: Readonly<Record<"Passed" | "Failed" | "Skipped", number>>;
}

/** What a suite's own report counts, a line for each profile and level. */
export function reportLines(file: string): readonly string[] {
  if (!existsSync(file)) return ["the suite has written no report"];
  const { profiles } = parse(readFileSync(file, "utf8")) as Report;
  return profiles.flatMap(({ name, core, extended }) =>
    Object.entries({ core, extended }).flatMap(([level, tests]) => {
      if (tests === undefined) return [];
      const { Passed, Failed, Skipped } = tests.statistics;
      return `report: ${name} ${level}: ${Passed} passed, ${Failed} failed, ${Skipped} skipped`;
    }),
  );
}
