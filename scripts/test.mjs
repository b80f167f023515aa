// Runs all tests, or those of one kind: `node scripts/test.mjs [unit|e2e] [jest arguments]`. Sets up what they need first.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { slowest } from "./slowest.mjs";
import { needsBuild, runsOf } from "./test-selection.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const jest = join(root, "node_modules", "jest", "bin", "jest.js");
const given = process.argv.slice(2);

const setup = [join(root, "scripts", "setup.mjs"), ...(needsBuild(given) ? [] : ["--sources"])];
const { status } = spawnSync(process.execPath, setup, { cwd: root, stdio: "inherit" });
if (status !== 0) process.exit(1);
// Set-up brings a Node of its own where the one that runs this is too old.
const ownNode = join(root, "node_modules", ".bin", "node");
const node = existsSync(ownNode) ? ownNode : process.execPath;

const folder = mkdtempSync(join(tmpdir(), "umbra-tally-"));
const total = { passed: 0, failed: 0, skipped: 0 };
const files = [];
let isFailed = false;
for (const [index, args] of runsOf(given).entries()) {
  const tally = join(folder, `${index}.json`);
  if (!run(args, tally)) isFailed = true;
  // Jest has not come as far as its tests.
  if (!existsSync(tally)) total.failed++;
  else {
    const { counts, files: timed } = JSON.parse(readFileSync(tally, "utf8"));
    for (const key of Object.keys(total)) total[key] += counts[key];
    files.push(...timed);
  }
}
rmSync(folder, { recursive: true, force: true });
process.stdout.write(
  `${slowest(files)}\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`,
);
process.exitCode = isFailed ? 1 : 0;

function run(args, tally) {
  const flags = ["--experimental-vm-modules", "--disable-warning=ExperimentalWarning"];
  const env = {
    ...process.env,
    TALLY_FILE: tally,
    // Jest's workers and the commands under test start some hundred times.
    NODE_COMPILE_CACHE: join(root, ".cache", "compiled"),
  };
  const options = { cwd: root, stdio: "inherit", env };
  return spawnSync(node, [...flags, jest, ...args], options).status === 0;
}
