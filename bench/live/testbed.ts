import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { directTopology, renderAdsBootstrap } from "@umbra/envoy-config";
import { request } from "undici";
import { type LiveSidecarOptions, startLiveSidecar } from "../../e2e/harness/live-sidecar.ts";
import { freePorts } from "../../e2e/harness/ports.ts";
import { type Running, startProcess } from "../../e2e/harness/processes.ts";
import { until } from "../../e2e/harness/until.ts";
import { startServer } from "../harness/child.ts";
import { rssMbOf } from "../harness/usage.ts";
import { readMetrics, type SidecarMetrics } from "./metrics.ts";
import { createResourceFolder, hostOf, type ResourceFolder } from "./resources.ts";

const envoyBinary =
  process.env.ENVOY_BIN ?? new URL("../../.cache/envoy/1.40.0/envoy", import.meta.url).pathname;

export interface TestbedOptions {
  readonly routes: number;
  /** Model servers. */
  readonly endpoints: number;
  /** In ms; 1,000 when absent: each of some hundred endpoints ten times a second would be measured with the changes. */
  readonly scrapeIntervalMs?: number;
}

/** What model servers saw. */
export interface Served {
  readonly requests: number;
  /** Requests that no picker had named an endpoint for. */
  readonly unpicked: number;
  /** Requests that came to another endpoint than the picked one. */
  readonly elsewhere: number;
}

/** A folder of resources, a sidecar that follows it and gives Envoy its configuration, Envoy and model servers: a process each. */
export interface Testbed {
  readonly folder: ResourceFolder;
  readonly endpoints: readonly string[];
  readonly origin: string;
  /** Where the sidecar serves ADS. */
  readonly ads: string;
  /** Of the sidecar's ext_proc server. */
  readonly grpcPort: number;
  readonly sidecarPid: () => number;
  readonly envoyPid: () => number;
  startSidecar(): Promise<void>;
  startEnvoy(): void;
  killSidecar(): Promise<void>;
  metrics(): Promise<SidecarMetrics>;
  /** Waits until Envoy has all of the newest configuration of this generation or a later one. */
  settled(generation?: number): Promise<void>;
  generation(): Promise<number>;
  envoyStat(name: string): Promise<number>;
  served(): Promise<Served>;
  /** Resident memory of both, in MB. */
  memory(): { readonly sidecar: number; readonly envoy: number };
  stop(): Promise<void>;
}

interface Config {
  readonly generation: number;
  readonly envoys: readonly { readonly isUpToDate: boolean }[];
}

/** Makes the files and starts the model servers; sidecar and Envoy are still to be started. */
export async function createTestbed(options: TestbedOptions): Promise<Testbed> {
  const parent = mkdtempSync(join(tmpdir(), "umbra-live-"));
  const [port = 0, grpcPort = 0, adminPort = 0, envoyAdminPort = 0, ...servers] = await freePorts(
    4 + options.endpoints,
  );
  const endpoints = servers.map((each) => `127.0.0.1:${each}`);
  const models = await startServer("model-stub", endpoints.join(","));
  const folder = createResourceFolder({ parent, port, routes: options.routes, endpoints });
  const ads = `unix:${join(parent, "ads.sock")}`;
  const admin = `127.0.0.1:${adminPort}`;
  const settings: LiveSidecarOptions = {
    ...{ folder: folder.path, grpc: `127.0.0.1:${grpcPort}`, ads, admin },
    envoyAdmin: `127.0.0.1:${envoyAdminPort}`,
    scrapeIntervalMs: options.scrapeIntervalMs ?? 1_000,
  };
  let sidecar: Running | undefined;
  let envoy: Running | undefined;
  const config = () => json<Config>(`http://${admin}/v1/config`);

  return {
    ...{ folder, endpoints, ads, grpcPort },
    origin: `http://127.0.0.1:${port}`,
    sidecarPid: () => sidecar?.process.pid ?? 0,
    envoyPid: () => envoy?.process.pid ?? 0,
    async startSidecar() {
      await startLiveSidecar(settings, (started) => {
        sidecar = started;
      });
    },
    startEnvoy() {
      const file = join(parent, "envoy.yaml");
      const bare = directTopology({ primary: [], shadow: [], port });
      writeFileSync(
        file,
        renderAdsBootstrap(bare, { address: ads }, { envoyAdmin: settings.envoyAdmin }),
      );
      const flags = ["--concurrency", "1", "--log-level", "error", "--disable-hot-restart"];
      envoy = startProcess(envoyBinary, "-c", file, ...flags);
    },
    async killSidecar() {
      await sidecar?.stop("SIGKILL");
    },
    metrics: async () => readMetrics(await text(`http://${admin}/metrics`)),
    async settled(least = 1) {
      const isSettled = async () => {
        const { generation, envoys } = await config();
        return generation >= least && envoys.length === 1 && envoys[0]?.isUpToDate === true;
      };
      await until(`Envoy has generation ${least}`, isSettled, 60_000);
    },
    generation: async () => (await config()).generation,
    async envoyStat(name) {
      const page = await text(`http://${settings.envoyAdmin}/stats?filter=^${name}$`);
      return Number(page.split(": ")[1] ?? 0);
    },
    served: () =>
      new Promise((resolve) => {
        models.child.once("message", (told) => resolve(told as Served));
        models.child.send("counts");
      }),
    memory: () => ({
      sidecar: rssMbOf(sidecar?.process.pid ?? 0),
      envoy: rssMbOf(envoy?.process.pid ?? 0),
    }),
    async stop() {
      await Promise.all([envoy?.stop(), sidecar?.stop("SIGKILL")]);
      if (models.child.connected) models.child.send("stop");
      rmSync(parent, { recursive: true, force: true });
    },
  };
}

/** Starts all of it, and waits until requests are answered. `onCreated` gets what has to be stopped, whatever comes next. */
export async function startTestbed(
  options: TestbedOptions,
  onCreated: (testbed: Testbed) => void,
): Promise<Testbed> {
  const testbed = await createTestbed(options);
  onCreated(testbed);
  await testbed.startSidecar();
  testbed.startEnvoy();
  await testbed.settled();
  const isServing = async () => (await ask(testbed, 0)).status === 200;
  await until("requests are answered", isServing, 30_000);
  return testbed;
}

/** One request to a route's host. */
export async function ask(
  { origin }: Pick<Testbed, "origin">,
  route: number,
): Promise<{ readonly status: number; readonly generation: number }> {
  const { statusCode, headers, body } = await request(`${origin}/v1/chat/completions`, {
    method: "POST",
    headers: { host: hostOf(route), "content-type": "application/json" },
    body: chatBody,
  });
  await body.dump();
  return { status: statusCode, generation: Number(headers["x-generation"]) };
}

export const chatBody = JSON.stringify({
  model: "m",
  max_tokens: 4,
  messages: [{ role: "user", content: "a question" }],
});

async function text(url: string): Promise<string> {
  const { body } = await request(url);
  return body.text();
}

async function json<T>(url: string): Promise<T> {
  return JSON.parse(await text(url)) as T;
}
