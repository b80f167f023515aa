// Runs every static check, at the same time, and prints how long each took and what those say that fail. `npm run check`
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const bin = (name) => join(root, "node_modules", ".bin", name);
const script = (name, ...args) => [process.execPath, join(root, "scripts", name), ...args];

if (!existsSync(bin("tsc"))) {
  process.stderr.write("check: the tools are not installed: run `npm run setup` first\n");
  process.exit(1);
}

/** The longest first. */
const parts = {
  types: [bin("tsc"), "-b", "tsconfig.test.json"],
  "lint and format": [bin("biome"), "ci", "."],
  "generated code": script("generate.mjs", "--check"),
  "unused code": [bin("knip"), "--no-progress", "--cache", "--cache-location", ".cache/knip"],
  sizes: script("check-size.mjs"),
  tests: script("check-tests.mjs"),
  imports: script("check-imports.mjs"),
  terms: script("check-terms.mjs"),
  documentation: script("check-docs.mjs"),
};

const started = performance.now();
const waiting = Object.entries(parts);
const failed = [];
await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, runInTurn));
const words = failed.length === 0 ? "all checks passed" : `failed: ${failed.join(", ")}`;
process.stdout.write(`check: ${words}, in ${secondsSince(started)} s\n`);
process.exitCode = failed.length === 0 ? 0 : 1;

async function runInTurn() {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await run(...next);
}

async function run(name, [command, ...args]) {
  const start = performance.now();
  const { isOk, output } = await outcomeOf(command, args);
  process.stdout.write(`${isOk ? "ok    " : "FAILED"} ${name}, ${secondsSince(start)} s\n`);
  if (isOk) return;
  failed.push(name);
  process.stdout.write(`${output.trimEnd()}\n`);
}

function outcomeOf(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
      shell: process.platform === "win32",
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        output += text;
      });
    }
    child.once("error", ({ message }) =>
      resolve({ isOk: false, output: `${command}: ${message}` }),
    );
    child.once("close", (status) => resolve({ isOk: status === 0, output }));
  });
}

function secondsSince(start) {
  return ((performance.now() - start) / 1000).toFixed(1);
}
