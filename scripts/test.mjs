// Runs all tests, or those of one kind: `node scripts/test.mjs [unit|e2e] [jest arguments]`. Sets up what they need first.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runJest, summaryOf } from "./jest-run.mjs";
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

const env = {
  ...process.env,
  // Jest's workers and the commands under test start some hundred times.
  NODE_COMPILE_CACHE: join(root, ".cache", "compiled"),
};
const outcomes = runsOf(given).map(({ title, args }) => ({
  title,
  ...runJest(args, { node, jest, cwd: root, env }),
}));
process.stdout.write(`${slowest(outcomes.flatMap(({ files }) => files))}\n${summaryOf(outcomes)}`);
process.exitCode = outcomes.some(({ reason }) => reason !== undefined) ? 1 : 0;
