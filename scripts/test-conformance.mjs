// Runs the conformance suites of the Gateway API and of its Inference Extension against Umbra and an Envoy, in a network
// namespace of its own, on a real API server. Needs Linux, root and Go (builds take about 10 minutes once); without one of
// them the suites are skipped, and that is printed.
//
//   npm run test:conformance -- [--run NAME]… [--test NAME] [--write]
//
// `--write` puts the reports into docs/conformance.
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { findKubeProgram } from "./kube-test-program.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const suites = join(root, "e2e", "conformance", "suites");
const programs = join(root, ".cache", "conformance");

/** Each run: a suite, whose folder of `e2e/conformance/suites` is a Go module, and who picks for InferencePools. */
const runs = {
  "gateway-api": { suite: "gateway-api", picker: "umbra" },
  "inference-extension-lwepp": { suite: "inference-extension", picker: "lwepp" },
  "inference-extension-umbra": { suite: "inference-extension", picker: "umbra" },
};

/** What is built, in which module and from which package. */
const builds = {
  "echo-basic": ["gateway-api", "sigs.k8s.io/gateway-api/conformance/echo-basic"],
  "gateway-api.test": ["gateway-api", "."],
  "inference-extension.test": ["inference-extension", "."],
  lwepp: ["inference-extension", "./lwepp"],
  relay: ["inference-extension", "./relay"],
};

/** Modules with the definitions of a suite's resources, and where they are in them. */
const gatewayApi = ["sigs.k8s.io/gateway-api", "config/crd/experimental"];
const definitions = {
  "gateway-api": [gatewayApi],
  "inference-extension": [
    gatewayApi,
    ["sigs.k8s.io/gateway-api-inference-extension", "config/crd/bases"],
  ],
};

const { values } = parseArgs({
  options: {
    run: { type: "string", multiple: true, default: Object.keys(runs) },
    test: { type: "string" },
    write: { type: "boolean", default: false },
  },
});

const unknown = values.run.find((name) => !Object.hasOwn(runs, name));
const reason = missing();
if (unknown !== undefined) {
  process.stderr.write(`--run must be one of ${Object.keys(runs).join(", ")}, not "${unknown}"\n`);
  process.exitCode = 2;
} else if (reason !== undefined) {
  process.stdout.write(`test:conformance: skipped: ${reason}\n`);
} else {
  const { program, reason: noServer } = findKubeProgram("test:conformance");
  if (program === undefined) process.stdout.write(`test:conformance: skipped: ${noServer}\n`);
  else process.exitCode = prepare() ? await runAll(program) : 1;
}

/** Why the suites can't run here. */
function missing() {
  if (process.platform !== "linux") return "network namespaces need Linux";
  if (process.getuid?.() !== 0) return "network namespaces need root";
  if (spawnSync("unshare", ["--net", "--pid", "--fork", "--mount-proc", "true"]).status !== 0)
    return "this system makes no network namespaces";
  if (spawnSync("ip", ["-V"]).status !== 0) return "there is no `ip` (package iproute2)";
  if (spawnSync("go", ["version"]).status !== 0) return "there is no Go to build the suites with";
  return undefined;
}

/** Sets up the checkout and builds what is not built yet. */
function prepare() {
  const setup = [join(root, "scripts", "setup.mjs")];
  if (spawnSync(process.execPath, setup, { stdio: "inherit" }).status !== 0) return false;
  mkdirSync(programs, { recursive: true });
  return Object.entries(builds).every(([name, [suite, from]]) => build(name, suite, from));
}

function build(name, suite, from) {
  const output = join(programs, name);
  if (existsSync(output)) return true;
  process.stdout.write(`test:conformance: building ${name}, once\n`);
  const command = name.endsWith(".test") ? ["test", "-c"] : ["build"];
  const args = [...command, "-trimpath", "-ldflags=-s -w", "-o", output, from];
  const env = { ...process.env, CGO_ENABLED: "0" };
  const options = { cwd: join(suites, suite), stdio: "inherit", env };
  return spawnSync("go", args, options).status === 0;
}

/** Folder of the version of a Go module that a suite uses; it is downloaded when it is not there. */
function moduleFolder(suite, name) {
  const cwd = join(suites, suite);
  spawnSync("go", ["mod", "download", name], { cwd, stdio: "inherit" });
  const args = ["list", "-m", "-f", "{{.Dir}}", name];
  return spawnSync("go", args, { cwd, encoding: "utf8" }).stdout.trim();
}

async function runAll(program) {
  const { version } = JSON.parse(readFileSync(join(root, "packages/cli/package.json"), "utf8"));
  let failures = 0;
  for (const name of values.run) {
    const { suite, picker } = runs[name];
    const folders = definitions[suite].map(([module, folder]) =>
      join(moduleFolder(suite, module), folder),
    );
    const output = join(programs, "runs", name);
    rmSync(output, { recursive: true, force: true });
    process.stdout.write(`test:conformance: ${name}\n`);
    const status = await runApart(program, [
      ...["--suite", suite, "--picker", picker, "--programs", programs, "--output", output],
      ...["--version", `v${version}`],
      ...folders.flatMap((folder) => ["--definitions", folder]),
      ...(values.test === undefined ? [] : ["--test", values.test]),
    ]);
    if (status !== 0) failures++;
    const report = join(output, "report.yaml");
    if (values.write && existsSync(report))
      copyFileSync(report, join(root, "docs", "conformance", `${name}.yaml`));
  }
  return failures === 0 ? 0 : 1;
}

/** Runs in namespaces of its own: when the first process there ends, the system ends all others and removes the network. */
async function runApart(program, args) {
  const folder = mkdtempSync(join(tmpdir(), "umbra-conformance-"));
  const namespaces = ["--net", "--pid", "--fork", "--kill-child", "--mount-proc"];
  const flags = ["--conditions=@umbra/source", "--disable-warning=ExperimentalWarning"];
  const node = [process.execPath, ...flags, join(root, "e2e/conformance/run.ts")];
  const child = spawn("unshare", [...namespaces, ...node, ...args], {
    stdio: "inherit",
    env: { ...process.env, UMBRA_KUBETEST: program, TMPDIR: folder },
  });
  const ended = new Promise((resolve) => {
    child.on("error", () => resolve(1));
    child.on("close", (code) => resolve(code ?? 1));
  });
  let isInterrupted = false;
  const interrupt = () => {
    isInterrupted = true;
    child.kill("SIGKILL");
  };
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, interrupt);
  const status = await ended;
  for (const signal of ["SIGINT", "SIGTERM"]) process.off(signal, interrupt);
  rmSync(folder, { recursive: true, force: true });
  if (isInterrupted) process.exit(130);
  return status;
}
