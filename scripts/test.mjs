// Runs all tests, or those of one kind: `node scripts/test.mjs [unit|e2e] [jest arguments]`.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const jest = fileURLToPath(new URL("../node_modules/jest/bin/jest.js", import.meta.url));
const folders = { unit: ["packages/", "scripts/", "sim/test/"], e2e: ["e2e/"] };
/** These measure times, so nothing else runs beside them. */
const timed = [
  "hostile",
  "measures",
  "picker-faults",
  "scheduling",
  "shadow-faults",
  "timers",
  "verdict",
];
const timedFiles = `/e2e/(${timed.join("|")})\\.test\\.ts$`;

const [kind, ...rest] = process.argv.slice(2);
const isKind = kind !== undefined && Object.hasOwn(folders, kind);
const given = isKind ? rest : process.argv.slice(2);
// Jest runs what any pattern matches: beside a file or folder of the kind, its own would match all.
const isNarrowed =
  isKind &&
  given.some((each) => folders[kind].some((folder) => each.startsWith(folder.slice(0, -1))));
const paths = isKind && !isNarrowed ? folders[kind] : [];
const isWhole = given.every((each) => each.startsWith("-") && !each.startsWith("--testMatch"));
const hasTimed = isWhole && kind !== "unit";
const runs = hasTimed
  ? [
      [...paths, ...given, "--testPathIgnorePatterns", "/node_modules/", "/.cache/", timedFiles],
      [timedFiles, ...given, "--runInBand"],
    ]
  : [[...paths, ...given]];

const folder = mkdtempSync(join(tmpdir(), "umbra-tally-"));
const total = { passed: 0, failed: 0, skipped: 0 };
let isFailed = false;
for (const [index, args] of runs.entries()) {
  const tally = join(folder, `${index}.json`);
  const { status } = spawnSync(
    process.execPath,
    ["--experimental-vm-modules", "--disable-warning=ExperimentalWarning", jest, ...args],
    { cwd: root, stdio: "inherit", env: { ...process.env, TALLY_FILE: tally } },
  );
  isFailed ||= status !== 0;
  // Jest has not come as far as its tests.
  if (!existsSync(tally)) total.failed++;
  else {
    const counts = JSON.parse(readFileSync(tally, "utf8"));
    for (const key of Object.keys(total)) total[key] += counts[key];
  }
}
rmSync(folder, { recursive: true, force: true });
process.stdout.write(
  `\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`,
);
process.exitCode = isFailed ? 1 : 0;
