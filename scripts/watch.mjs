// Checks the types and runs the affected tests at each change, until Ctrl-C. `npm run watch`
// End-to-end tests run what is built, and are left to `npm run test:e2e`.
import { spawn } from "node:child_process";
import { watch } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { affectedTests } from "./affected.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const jestFlags = ["--experimental-vm-modules", "--disable-warning=ExperimentalWarning"];
const hasGroups = process.platform !== "win32";
/** An editor writes a file in several steps. */
const settleMs = 100;

/** Changed, and not yet seen to pass. */
const changed = new Set();
let round = new AbortController();
let timer;

for (const folder of ["packages", "e2e", "bench", "examples", "sim", "scripts", "testing"]) {
  watch(join(root, folder), { recursive: true }, (_event, name) => {
    const path = join(folder, name ?? "");
    if (!/\.m?[jt]s$/.test(path) || /(?:^|\/)(?:node_modules|dist|cjs)\//.test(path)) return;
    changed.add(path);
    clearTimeout(timer);
    timer = setTimeout(start, settleMs);
  });
}
for (const each of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(each, end);
say("checks the types; then waits for changes, Ctrl-C ends it");
start();

/** A new change ends what runs for the last one. */
function start() {
  round.abort();
  round = new AbortController();
  const { signal } = round;
  const files = [...changed];
  if (files.length > 0) say(files.join(", "));
  void run(
    "types",
    [join(root, "node_modules/typescript/bin/tsc"), "-b", "tsconfig.test.json"],
    signal,
  );
  if (files.length > 0) void test(files, signal);
}

/** Those of the changed packages first, which answer in seconds. */
async function test(files, signal) {
  const tests = affectedTests(root, files).filter((file) => !file.startsWith("e2e/"));
  const own = tests.filter((file) => files.some((each) => packageOf(each) === packageOf(file)));
  const others = tests.filter((file) => !own.includes(file));
  const isPassed =
    (await runTests(own, "of what changed", signal)) &&
    (await runTests(others, "of what uses it", signal));
  if (isPassed) for (const file of files) changed.delete(file);
}

async function runTests(files, whose, signal) {
  if (files.length === 0) return true;
  const count = `${files.length} test ${files.length === 1 ? "file" : "files"}`;
  const jest = [...jestFlags, "node_modules/jest/bin/jest.js", "--silent", "--bail=3"];
  return await run(`${count} ${whose}`, [...jest, "--runTestsByPath", ...files], signal);
}

function packageOf(file) {
  return file.split("/").slice(0, 2).join("/");
}

/** Runs a command of Node and reports its outcome: in a line, and with its output where it failed. */
function run(name, args, signal) {
  if (signal.aborted) return Promise.resolve(false);
  const startMs = performance.now();
  const env = { ...process.env, NODE_COMPILE_CACHE: join(root, ".cache", "compiled") };
  const child = spawn(process.execPath, args, {
    cwd: root,
    env,
    stdio: ["ignore", "pipe", "pipe"],
    detached: hasGroups,
  });
  signal.addEventListener("abort", () => kill(child));
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
  }
  return new Promise((resolve) => {
    child.once("error", () => resolve(false));
    child.once("close", (status) => {
      resolve(status === 0);
      if (signal.aborted) return;
      if (status !== 0) process.stdout.write(`${output.trimEnd()}\n`);
      const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
      say(`${name} ${status === 0 ? "ok" : "FAILED"}, ${seconds} s`);
    });
  });
}

/** With the workers that Jest started, which outlive it otherwise. */
function kill(child) {
  if (child.exitCode !== null || child.pid === undefined) return;
  try {
    process.kill(hasGroups ? -child.pid : child.pid, "SIGTERM");
  } catch {
    // It has ended meanwhile.
  }
}

function say(words) {
  process.stdout.write(`watch: ${words}\n`);
}

function end() {
  round.abort();
  process.exit();
}
