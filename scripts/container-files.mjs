// Assembles the files of Umbra's container images as a plain folder, one folder a layer, and prints each layer with its size.
// The Dockerfile runs it; where there is no container runtime, `--smoke` runs the result in a read-only root of its own.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
const usage = `Usage: node scripts/container-files.mjs [--to DIR] [--envoy] [--smoke]

  --to DIR   where the layers go (default: .cache/container); what is there is removed
  --envoy    with Envoy, for \`umbra up\`; without it the image runs \`umbra serve\`
  --smoke    run \`umbra --version\` and \`umbra check\` in the result, as a user without rights (needs root)
  --help     print this
`;
/** A number, so that no name has to be looked up; the one that images without a shell commonly use. */
const user = 65532;

await main();

async function main() {
  const { values } = parseArgs({
    options: {
      to: { type: "string", default: join(root, ".cache/container") },
      envoy: { type: "boolean", default: false },
      smoke: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  const layers = assemble(values.to, values.envoy);
  for (const { name, bytes, files, holds } of layers)
    process.stdout.write(
      `${name.padEnd(8)} ${(bytes / 2 ** 20).toFixed(1).padStart(7)} MiB ${String(files).padStart(6)} files  ${holds}\n`,
    );
  if (values.smoke) await smoke(values.to, layers);
}

function assemble(to, withEnvoy) {
  if (!existsSync(join(root, "packages/cli/dist")))
    fail("Umbra is not built: run `npm run setup` first");
  rmSync(to, { recursive: true, force: true });
  const layers = [
    { name: "runtime", holds: "Node, the libraries that it needs, certificates", fill: addRuntime },
    { name: "umbra", holds: "the umbra command with its packages", fill: addUmbra },
    ...(withEnvoy ? [{ name: "envoy", holds: "Envoy", fill: addEnvoy }] : []),
  ];
  return layers.map(({ name, holds, fill }) => {
    const folder = join(to, name);
    mkdirSync(folder, { recursive: true });
    fill(folder);
    return { name, holds, ...measure(folder) };
  });
}

function addRuntime(folder) {
  addProgram(folder, realpathSync(process.execPath), "usr/bin/node");
  mkdirSync(join(folder, "tmp"));
  chmodSync(join(folder, "tmp"), 0o1777);
  mkdirSync(join(folder, "etc/ssl/certs"), { recursive: true });
  const authorities = "/etc/ssl/certs/ca-certificates.crt";
  if (existsSync(authorities)) copyOf(folder, authorities);
  writeFileSync(join(folder, "etc/passwd"), `umbra:x:${user}:${user}:umbra:/tmp:/sbin/nologin\n`);
  writeFileSync(join(folder, "etc/group"), `umbra:x:${user}:\n`);
  writeFileSync(join(folder, "etc/nsswitch.conf"), "hosts: files dns\n");
  for (const library of ["libnss_dns.so.2", "libnss_files.so.2", "libresolv.so.2"])
    addLibrary(folder, library);
}

function addUmbra(folder) {
  const pnpm = join(root, ".cache/tools/node_modules/.bin/pnpm");
  const target = join(folder, "app");
  // pnpm lays the links of commands beside a target outside of the workspace, so the folder is made inside of it.
  const staging = join(root, ".cache/container-app");
  rmSync(staging, { recursive: true, force: true });
  run(existsSync(pnpm) ? pnpm : "pnpm", [
    ...["--silent", "--filter", "@umbra/cli", "--prod", "deploy", "--legacy", staging],
  ]);
  cpSync(staging, target, { recursive: true, verbatimSymlinks: true });
  rmSync(staging, { recursive: true });
  // Sources and tests are for reading, not for running.
  for (const name of ["src", "test", "tsconfig.json", "dist/tsconfig.tsbuildinfo"])
    rmSync(join(target, name), { recursive: true, force: true });
  // What the command reads of the repository, as in its npm package.
  for (const path of [
    "docs/errors.md",
    "docs/shadow-report.schema.json",
    "deploy/crds",
    "deploy/kubernetes",
    "examples",
  ])
    cpSync(join(root, path), join(target, path), { recursive: true });
}

function addEnvoy(folder) {
  const envoy = process.env.ENVOY_BIN ?? join(root, ".cache/envoy/1.40.0/envoy");
  if (!existsSync(envoy)) fail(`there is no Envoy at ${envoy}: run \`npm run setup\``);
  addProgram(folder, envoy, "usr/bin/envoy");
}

/** Copies a program and the shared libraries that the loader finds for it. */
function addProgram(folder, from, to) {
  copyFileSync(from, join(folder, ensureDirOf(folder, to)));
  chmodSync(join(folder, to), 0o755);
  const { stdout } = spawnSync("ldd", [from], { encoding: "utf8" });
  for (const [, path] of stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)) copyOf(folder, path);
}

function addLibrary(folder, name) {
  const { stdout } = spawnSync("ldconfig", ["-p"], {
    encoding: "utf8",
    env: { PATH: `${process.env.PATH}:/sbin:/usr/sbin` },
  });
  const line = (stdout ?? "").split("\n").find((each) => each.includes(`${name} `));
  const path = line?.split("=> ")[1]?.trim();
  if (path !== undefined) copyOf(folder, path);
}

function copyOf(folder, path) {
  copyFileSync(path, join(folder, ensureDirOf(folder, path)));
}

function ensureDirOf(folder, path) {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  return path;
}

/** Links are not followed: pnpm's folder has many links to each package. */
function measure(folder) {
  let [bytes, files] = [0, 0];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    const inside = entry.isDirectory() ? measure(path) : undefined;
    bytes += inside?.bytes ?? (entry.isFile() ? lstatSync(path).size : 0);
    files += inside?.files ?? 1;
  }
  return { bytes, files };
}

/** Lays the layers over each other, as a container runtime does, and runs commands in that root: read only, no rights, no network of use. */
async function smoke(from, layers) {
  if (process.getuid?.() !== 0) fail("--smoke needs root: it changes the root folder");
  const rootfs = mkdtempSync(join(tmpdir(), "umbra-container-"));
  chmodSync(rootfs, 0o755);
  try {
    for (const { name } of layers)
      cpSync(join(from, name), rootfs, { recursive: true, verbatimSymlinks: true });
    const inside = ["/usr/bin/node", "/app/bin/umbra.js"];
    const commands = [
      [...inside, "--version"],
      [...inside, "check", "-f", "/app/examples/mirror"],
      ...(layers.some(({ name }) => name === "envoy") ? [["/usr/bin/envoy", "--version"]] : []),
    ];
    for (const command of commands) {
      const { status, stdout, stderr } = spawnSync("chroot", inRoot(rootfs, command), {
        encoding: "utf8",
        env: { PATH: process.env.PATH },
        timeout: 60_000,
      });
      if (status !== 0) fail(`${command.join(" ")} ended with ${status}: ${stdout}${stderr}`);
      process.stdout.write(`ok       ${command.join(" ")}\n`);
    }
    await smokeServe(rootfs, inside);
  } finally {
    rmSync(rootfs, { recursive: true, force: true });
  }
}

/** The sidecar starts, answers its probe, and ends well when it is asked to. */
async function smokeServe(rootfs, inside) {
  const port = await freePort();
  const command = [
    ...[...inside, "serve", "-f", "/app/examples/mirror"],
    ...["--grpc", "127.0.0.1:0", "--admin", `127.0.0.1:${port}`],
  ];
  const child = spawn("chroot", inRoot(rootfs, command), { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    said = (said + text).slice(-4_096);
  });
  const ended = once(child, "exit");
  const isAlive = await answers(`http://127.0.0.1:${port}/healthz`, 30_000);
  child.kill("SIGTERM");
  const timer = globalThis.setTimeout(() => child.kill("SIGKILL"), 15_000);
  const [status, signal] = await ended;
  clearTimeout(timer);
  if (!isAlive || status !== 0)
    fail(`${command.join(" ")} ended with ${status ?? signal}: ${said}`);
  process.stdout.write(`ok       ${command.join(" ")}\n`);
}

async function answers(url, limitMs) {
  for (const start = Date.now(); Date.now() - start < limitMs; await setTimeout(100)) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return true;
  }
  return false;
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

function inRoot(rootfs, command) {
  return [`--userspec=${user}:${user}`, rootfs, ...command];
}

function run(command, args) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: "utf8" });
  if (status !== 0) fail(`${command} ${args.join(" ")}: ${stdout}${stderr}`);
}

function fail(words) {
  process.stderr.write(`container: error: ${words}\n`);
  process.exit(1);
}
