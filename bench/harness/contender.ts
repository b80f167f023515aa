import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { freePorts } from "../../e2e/harness/ports.ts";
import { until } from "../../e2e/harness/until.ts";

/** A checkout's `umbra serve`, and an Envoy with what its `umbra render` prints. */
export interface Contender {
  readonly name: string;
  /** Of its sidecar. */
  readonly grpcPort: number;
  readonly sidecarPid: number;
  /** Undefined where it has no Envoy. */
  readonly envoyPid: number | undefined;
  /** Of Envoy's listener. */
  readonly port: number;
}

export interface ContenderOptions {
  /**
   * A folder, then what is taken out of its bootstrap: `DIR=unlogged=unscripted`. With `DIR=ads`, Envoy gets its
   * configuration from the sidecar.
   */
  readonly of: string;
  readonly mode: string;
  /** Model servers. */
  readonly endpoints: readonly string[];
  /** For its files. */
  readonly folder: string;
  /** What Envoy runs under; empty: nothing. */
  readonly under: readonly string[];
  readonly hasEnvoy: boolean;
}

const here = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
const envoyBinary = process.env.ENVOY_BIN ?? join(here, ".cache/envoy/1.40.0/envoy");

/** What can be taken out of a bootstrap, to learn what it costs. */
export const edits: Readonly<Record<string, (bootstrap: string) => string>> = {
  unlogged: (bootstrap) =>
    bootstrap.replaceAll(/^( +)- name: envoy\.access_loggers\.http_grpc\n(?:\1 +.*\n)+/gm, ""),
  unscripted: (bootstrap) =>
    bootstrap.replaceAll(/^( +)- name: umbra\.underscores\n(?:\1 +.*\n)+/gm, ""),
  silent: (bootstrap) =>
    bootstrap.replaceAll(/^( +)- name: envoy\.access_loggers\.stdout\n(?:\1 +.*\n)+/gm, ""),
};

/** Not an edit: Envoy asks the sidecar for its configuration. */
const byAds = "ads";

const children: ChildProcess[] = [];
process.on("exit", stopContenders);

export function stopContenders(): void {
  for (const child of children.splice(0)) child.kill("SIGKILL");
}

export async function startContender(options: ContenderOptions): Promise<Contender> {
  const { of, mode, endpoints, folder, under, hasEnvoy } = options;
  const [given = "", ...names] = of.split("=");
  const command = join(given === "." ? here : given, "packages/cli/bin/umbra.js");
  const [port = 0, admin = 0, grpcPort = 0] = await freePorts(3);
  const file = join(folder, `${port}-resources.yaml`);
  writeFileSync(file, resources(port, mode, endpoints));
  const sidecar = `127.0.0.1:${grpcPort}`;
  const ads = names.includes(byAds) ? ["--ads", `unix:${join(folder, `${port}.sock`)}`] : [];
  const sidecarPid = await startSidecar(command, [
    ...["-f", file, "--grpc", sidecar, "--admin", "127.0.0.1:0", ...ads],
    ...["--scrape-interval", "60000", "--stale-after", "86400000"],
  ]);
  const started = { name: of, grpcPort, sidecarPid, port };
  if (!hasEnvoy) return { ...started, envoyPid: undefined };
  const link = ads.length > 0 ? ads : ["--sidecar", sidecar];
  const render = ["-f", file, ...link, "--envoy-admin", `127.0.0.1:${admin}`];
  let bootstrap = execFileSync(process.execPath, [command, "render", ...render], {
    encoding: "utf8",
  });
  for (const name of names.filter((each) => each !== byAds)) bootstrap = editOf(name)(bootstrap);
  const yaml = join(folder, `${port}-envoy.yaml`);
  writeFileSync(yaml, bootstrap);
  const envoyPid = startProcess([
    ...[...under, envoyBinary, "-c", yaml, "--concurrency", "1", "--log-level", "error"],
    "--disable-hot-restart",
  ]);
  await until(
    `Envoy of ${of} is ready`,
    async () => {
      const response = await fetch(`http://127.0.0.1:${admin}/ready`).catch(() => undefined);
      return response?.status === 200;
    },
    under.length === 0 ? 15_000 : 600_000,
  );
  return { ...started, envoyPid };
}

function editOf(name: string): (bootstrap: string) => string {
  const edit = edits[name];
  if (edit === undefined) throw new Error(`no edit is called ${name}`);
  return edit;
}

async function startSidecar(command: string, flags: readonly string[]): Promise<number> {
  const profile = process.env.BENCH_PROFILE;
  const profiling =
    profile === undefined
      ? []
      : ["--cpu-prof", `--cpu-prof-dir=${profile}`, "--cpu-prof-interval=200"];
  const child = spawn(process.execPath, [...profiling, command, "serve", ...flags], {
    stdio: ["ignore", "inherit", "pipe"],
  });
  children.push(child);
  const ended = new Promise<never>((_, reject) => {
    child.once("exit", (code) => reject(new Error(`umbra serve ended with status ${code}`)));
  });
  ended.catch(() => {});
  const serving = new Promise<void>((resolve) => {
    createInterface({ input: child.stderr }).on("line", (line) => {
      if (line.includes('"grpc":')) resolve();
    });
  });
  await Promise.race([serving, ended]);
  return child.pid ?? 0;
}

function startProcess([command = "", ...args]: readonly string[]): number {
  const child = spawn(command, args, { stdio: "ignore" });
  children.push(child);
  return child.pid ?? 0;
}

function resources(port: number, mode: string, endpoints: readonly string[]): string {
  return `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway}
spec: {gatewayClassName: umbra, listeners: [{name: http, port: ${port}, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route}
spec:
  parentRefs: [{name: gateway}]
  rules:
    - backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: pool}]
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata:
  name: pool
  annotations:
    umbra.dev/endpoints: "${endpoints.join(",")}"
    umbra.dev/pick-mode: ${mode}
    umbra.dev/model: m
spec: {targetPorts: [{number: 8000}], endpointPickerRef: {name: umbra, failureMode: FailClose, port: {number: 9002}}}
`;
}
