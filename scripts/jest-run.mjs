import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { coverageReport, uncoveredIn } from "./scheduler-coverage.mjs";

/** Node's flags for Jest, which gives them to its workers. */
const nodeFlags = ["--experimental-vm-modules", "--disable-warning=ExperimentalWarning"];

const nothing = { passed: 0, failed: 0, skipped: 0 };

/**
 * Runs Jest once and waits for its end. What the tests leave in the system's folder of temporary files goes with it.
 *
 * @param args Jest's arguments
 * @param options `node`: the program that runs Jest; `jest`: its script; `cwd`: where; `env`: the environment
 * @returns `counts` of tests, the `files` with their times, and why the run failed if it did: a run that fails without a failed
 *   test counts as one
 */
export function runJest(args, { node, jest, cwd, env }) {
  // A short name: Unix sockets lie in it, and their paths have a limit of some 100 characters.
  const folder = mkdtempSync(join(tmpdir(), "umbra-"));
  const tallyFile = join(folder, "tally.json");
  // That of an earlier run would explain this one's failure.
  const report = join(cwd, coverageReport);
  rmSync(report, { force: true });
  const { status, signal } = spawnSync(node, [...nodeFlags, jest, ...args], {
    cwd,
    stdio: "inherit",
    env: { ...env, TALLY_FILE: tallyFile, TMPDIR: folder },
  });
  const tally = readIfThere(tallyFile);
  // Programs that are being stopped may still write.
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  const uncovered = args.includes("--coverage") ? uncoveredIn(readIfThere(report) ?? {}, cwd) : [];
  return outcomeOf({ status, signal, tally, uncovered });
}

/** What a run of Jest comes to, from how it ended, what its reporter counted, and what its coverage leaves out. */
export function outcomeOf({ status, signal, tally, uncovered }) {
  const { counts, files } = tally ?? { counts: nothing, files: [] };
  if (status === 0) return { counts, files };
  const { failed } = counts;
  if (failed > 0)
    return { counts, files, reason: `${failed} ${failed === 1 ? "test" : "tests"} failed` };
  return { counts: { ...counts, failed: 1 }, files, reason: reasonWithoutTests() };

  function reasonWithoutTests() {
    if (signal !== null) return `Jest was ended by ${signal}`;
    if (tally === undefined) return "Jest ended before its tests: see its message above";
    if (uncovered.length > 0) return `coverage below 100 %: ${uncovered.join(", ")}`;
    return `Jest exited with ${status} though no test failed: see its message above`;
  }
}

/** The last lines of a run of tests: the slowest files come before them. Titles say which run failed. */
export function summaryOf(outcomes) {
  const total = { ...nothing };
  for (const { counts } of outcomes)
    for (const key of Object.keys(total)) total[key] += counts[key];
  const reasons = outcomes.flatMap(({ title, reason }) =>
    reason === undefined ? [] : [`FAILED ${title}: ${reason}\n`],
  );
  return `${reasons.join("")}${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`;
}

function readIfThere(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
}
