// Runs the conformance suites of the Gateway API and of its Inference Extension against Umbra and an Envoy, in a network
// namespace of its own, on a real API server. Needs Linux, root and Go (builds take about 10 minutes once); without one of
// them the suites are skipped, and that is printed.
//
//   npm run test:conformance -- [--suite gateway-api|inference-extension] [--test NAME] [--write]
//
// `--write` puts the reports into docs/conformance.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { findKubeProgram } from "./kube-test-program.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const source = join(root, "e2e", "conformance", "suites");
const programs = join(root, ".cache", "conformance");

const { values } = parseArgs({
  options: {
    suite: { type: "string", multiple: true },
    test: { type: "string" },
    write: { type: "boolean", default: false },
  },
});

const reason = missing();
if (reason !== undefined) {
  process.stdout.write(`test:conformance: skipped: ${reason}\n`);
} else {
  const { program, reason: noServer } = findKubeProgram("test:conformance");
  if (program === undefined) process.stdout.write(`test:conformance: skipped: ${noServer}\n`);
  else if (prepare()) process.exitCode = await runSuites(program);
  else process.exitCode = 1;
}

/** Why the suites can't run here. */
function missing() {
  if (process.platform !== "linux") return "network namespaces need Linux";
  if (process.getuid?.() !== 0) return "network namespaces need root";
  if (spawnSync("unshare", ["--net", "true"]).status !== 0)
    return "this system makes no network namespaces";
  if (spawnSync("ip", ["-V"]).status !== 0) return "there is no `ip` (package iproute2)";
  if (spawnSync("go", ["version"]).status !== 0) return "there is no Go to build the suites with";
  return undefined;
}

/** Sets up the checkout and builds what is not built yet. */
function prepare() {
  const setup = spawnSync(process.execPath, [join(root, "scripts", "setup.mjs")], {
    stdio: "inherit",
  });
  if (setup.status !== 0) return false;
  mkdirSync(programs, { recursive: true });
  return (
    build("echo-basic", ["build"], "sigs.k8s.io/gateway-api/conformance/echo-basic") &&
    build("gateway-api.test", ["test", "-c"], "./gatewayapi") &&
    build("inference-extension.test", ["test", "-c"], "./inferenceextension")
  );
}

function build(name, command, from) {
  const output = join(programs, name);
  if (existsSync(output)) return true;
  process.stdout.write(`test:conformance: building ${name}, once\n`);
  const args = [...command, "-trimpath", "-ldflags=-s -w", "-o", output, from];
  const env = { ...process.env, CGO_ENABLED: "0" };
  return spawnSync("go", args, { cwd: source, stdio: "inherit", env }).status === 0;
}

/** Folder of a Go module, which is downloaded when it is not there. */
function moduleFolder(name) {
  const args = ["list", "-m", "-f", "{{.Dir}}", name];
  spawnSync("go", ["mod", "download", name], { cwd: source, stdio: "inherit" });
  return spawnSync("go", args, { cwd: source, encoding: "utf8" }).stdout.trim();
}

async function runSuites(program) {
  const definitions = [
    join(moduleFolder("sigs.k8s.io/gateway-api"), "config/crd/experimental"),
    join(moduleFolder("sigs.k8s.io/gateway-api-inference-extension"), "config/crd/bases"),
  ];
  const { version } = JSON.parse(readFileSync(join(root, "packages/cli/package.json"), "utf8"));
  const args = [
    ...["--programs", programs, "--version", `v${version}`],
    ...definitions.flatMap((folder) => ["--definitions", folder]),
    ...["--output", join(programs, "run")],
    ...(values.test === undefined ? [] : ["--test", values.test]),
  ];
  return runApart(program, args);
}

/** Runs in namespaces of its own: when the first process there ends, the system ends all others and removes the network. */
async function runApart(program, args) {
  const folder = mkdtempSync(join(tmpdir(), "umbra-conformance-"));
  const namespaces = ["--net", "--pid", "--fork", "--kill-child", "--mount-proc"];
  const node = [
    process.execPath,
    "--conditions=@umbra/source",
    "--disable-warning=ExperimentalWarning",
  ];
  const command = [...namespaces, ...node, join(root, "e2e/conformance/run.ts"), ...args];
  const child = spawn("unshare", command, {
    stdio: "inherit",
    env: { ...process.env, UMBRA_KUBETEST: program, TMPDIR: folder },
  });
  // Ctrl-C reaches `unshare` as well, and what it started ends with it.
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill("SIGKILL"));
  const status = await new Promise((resolve) => {
    child.on("error", () => resolve(1));
    child.on("close", (code) => resolve(code ?? 1));
  });
  rmSync(folder, { recursive: true, force: true });
  return status;
}
