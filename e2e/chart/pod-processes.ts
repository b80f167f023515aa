import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { request } from "undici";
import { freePorts } from "../harness/ports.ts";
import { type Running, startProcess, umbra } from "../harness/processes.ts";
import { until } from "../harness/until.ts";
import { caseNamed, objectsOf } from "./chart-files.ts";
import { type Container, podOf } from "./pod.ts";

const envoyBinary =
  process.env.ENVOY_BIN ??
  fileURLToPath(new URL("../../.cache/envoy/1.40.0/envoy", import.meta.url));

export interface PodOptions {
  /** YAML of the resources, which take the place of a cluster's; their listener is called `http`. */
  readonly resources: string;
  /** Times in ms, in place of those of the chart. */
  readonly times: Readonly<Record<"announce" | "timeout" | "quiet", number>>;
}

/** How a pod's processes have ended. */
export interface PodEnd {
  readonly drain: number | null;
  readonly envoy: string;
  readonly umbra: string;
  readonly tookMs: number;
}

/** The processes of the chart's gateway pod, with its arguments: other ports, and folders of this machine. */
export interface PodProcesses {
  readonly origin: string;
  readonly graceMs: number;
  isReady(): Promise<boolean>;
  /** What a kubelet does when the pod is deleted: Envoy's preStop command, SIGTERM to Envoy, then to the sidecar. */
  end(): Promise<PodEnd>;
  remove(): Promise<void>;
}

/** Starts the sidecar, waits for its startup probe, and starts Envoy, as a kubelet does. */
export async function startPod({ resources, times }: PodOptions): Promise<PodProcesses> {
  const objects = objectsOf(caseNamed("gateway"));
  const { pod, containers } = podOf(objects);
  const sidecar = containerNamed(containers, "umbra");
  const envoy = containerNamed(containers, "envoy");
  const folder = mkdtempSync(join(tmpdir(), "umbra-pod-"));
  const [http = 0, admin = 0, probes = 0, stats = 0, envoyAdmin = 0, peers = 0] =
    await freePorts(6);
  const here = (text: string) =>
    text
      .replace("127.0.0.1:9090", `127.0.0.1:${admin}`)
      .replace("0.0.0.0:9091", `127.0.0.1:${probes}`)
      .replace("0.0.0.0:9004", `127.0.0.1:${peers}`)
      .replace("/var/run/secrets/umbra/peers/", `${folder}/etc/`)
      .replace("0.0.0.0:9092", `127.0.0.1:${stats}`)
      .replace("127.0.0.1:9901", `127.0.0.1:${envoyAdmin}`)
      .replace("port_value: 9901", `port_value: ${envoyAdmin}`)
      .replace("/run/umbra/", `${folder}/run/`)
      .replace("/etc/umbra/", `${folder}/etc/`)
      .replace(/^--(announce|timeout|quiet)=\d+$/, (_, name: keyof typeof times) => {
        return `--${name}=${times[name]}`;
      });
  mkdirSync(join(folder, "run"));
  mkdirSync(join(folder, "etc"));
  const file = join(folder, "resources.yaml");
  writeFileSync(file, resources);
  writeFileSync(join(folder, "etc", "peer-secret"), randomBytes(32).toString("base64"));
  const map = objects.find(({ metadata }) => metadata.name === "umbra-envoy");
  const { "envoy.yaml": bootstrap = "" } = (map?.data ?? {}) as Record<string, string>;
  writeFileSync(join(folder, "etc", "envoy.yaml"), bootstrap.split("\n").map(here).join("\n"));

  // Without an API server there are no replicas to find.
  const cluster = /^--(?:kube$|lease=|peers-service=)/;
  const serveArgs = (sidecar.args ?? []).filter((each) => !cluster.test(each)).map(here);
  const local = ["-f", file, "--listener", `http=${http}`, "--bind", "127.0.0.1"];
  const umbraProcess = startProcess(process.execPath, umbra, ...serveArgs, ...local);
  // For a kubelet, a connection that breaks is a probe that fails.
  const statusOf = async (path: string): Promise<number> => {
    try {
      const { statusCode, body } = await request(`http://127.0.0.1:${probes}${path}`);
      await body.dump();
      return statusCode;
    } catch {
      return 0;
    }
  };
  await until("the startup probe", async () => (await statusOf("/healthz")) === 200, 60_000);
  const envoyProcess = startProcess(envoyBinary, ...(envoy.args ?? []).map(here));
  const isReady = async () => (await statusOf("/readyz")) === 200;
  await until("the readiness probe", isReady, 60_000).catch((cause: Error) => {
    throw new Error(`${cause.message}\n${envoyProcess.output()}\n${umbraProcess.output()}`);
  });
  const preStop = (envoy.lifecycle?.preStop.exec.command ?? []).slice(2).map(here);
  return {
    origin: `http://127.0.0.1:${http}`,
    graceMs: pod.terminationGracePeriodSeconds * 1_000,
    isReady,
    async end() {
      const startedMs = performance.now();
      const draining = startProcess(process.execPath, umbra, ...preStop);
      const [status] = (await once(draining.process, "close")) as [number | null];
      await envoyProcess.stop();
      await umbraProcess.stop();
      const tookMs = performance.now() - startedMs;
      const [envoyEnd, umbraEnd] = [endOf(envoyProcess), endOf(umbraProcess)];
      return { drain: status, envoy: envoyEnd, umbra: umbraEnd, tookMs };
    },
    async remove() {
      await Promise.all([envoyProcess.stop(), umbraProcess.stop()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function containerNamed(containers: readonly Container[], name: string): Container {
  const found = containers.find((each) => each.name === name);
  if (found === undefined) throw new Error(`the pod has no container ${name}`);
  return found;
}

function endOf({ process: { exitCode, signalCode } }: Running): string {
  return signalCode ?? `status ${exitCode}`;
}
