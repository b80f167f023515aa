import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { request } from "undici";
import { freePorts } from "./ports.ts";
import { type Running, runUmbra, startProcess, startUmbra } from "./processes.ts";
import { until } from "./until.ts";

const envoyBinary =
  process.env.ENVOY_BIN ??
  fileURLToPath(new URL("../../.cache/envoy/1.40.0/envoy", import.meta.url));

/**
 * Ten times a second, as a sidecar does by default, costs a twelfth of a core for four endpoints, here and in their servers. A test that
 * is about it names another interval.
 */
const scrapeIntervalMs = 400;

export interface GatewayOptions {
  /** YAML of the resources; the Gateway's listener is called `http`. */
  readonly resources: string;
  readonly renderFlags?: readonly string[];
  readonly serveFlags?: readonly string[];
  /** Envoy and the sidecar meet on a Unix socket, and on no port. */
  readonly isUnixSocket?: boolean;
  /** A port that the resources name themselves: then no listener is moved to a free one. */
  readonly httpPort?: number;
  /** Threads of Envoy; 1 when absent. */
  readonly workers?: number;
  /** Envoy can't reach the sidecar: only Envoy is waited for. */
  readonly isCutOff?: boolean;
  /** Both flags name where ADS is served: `render` prints the small bootstrap. */
  readonly isByAds?: boolean;
  /** Changes the bootstrap: for faults that no resource asks for. */
  readonly edit?: (bootstrap: string) => string;
}

/** A sidecar and an Envoy, each a process of its own, as in production. */
export interface Gateway {
  readonly origin: string;
  readonly admin: string;
  /** Where the sidecar serves Envoy. */
  readonly grpc: string;
  readonly sidecar: () => Running;
  readonly envoy: Running;
  /** Starts a sidecar again after the last one was ended. */
  restartSidecar(): Promise<void>;
  /** Another Envoy with the same bootstrap, at ports of its own, that asks the same sidecar. */
  startAnotherEnvoy(): Promise<AnotherEnvoy>;
  /** Sums every Envoy counter or gauge whose name matches. */
  stat(pattern: RegExp): Promise<number>;
  json<T>(path: string): Promise<T>;
  stop(): Promise<void>;
}

export interface AnotherEnvoy {
  readonly origin: string;
  readonly envoy: Running;
}

export async function startGateway({
  resources,
  renderFlags = [],
  serveFlags = [],
  isUnixSocket = false,
  httpPort,
  workers = 1,
  isCutOff = false,
  isByAds = false,
  edit = (bootstrap) => bootstrap,
}: GatewayOptions): Promise<Gateway> {
  const folder = mkdtempSync(join(tmpdir(), "umbra-e2e-"));
  const file = join(folder, "resources.yaml");
  writeFileSync(file, resources);
  const [freePort, grpcPort, adminPort, envoyAdminPort] = await freePorts(4);
  const http = httpPort ?? freePort;
  const grpc = isUnixSocket ? `unix:${join(folder, "umbra.sock")}` : `127.0.0.1:${grpcPort}`;
  const admin = `127.0.0.1:${adminPort}`;
  const envoyAdmin = `127.0.0.1:${envoyAdminPort}`;
  const listenerFlags = httpPort === undefined ? ["--listener", `http=${http}`] : [];
  const resourceFlags = ["-f", file, ...listenerFlags, "--bind", "127.0.0.1"];

  const startSidecar = () =>
    startUmbra(
      "serve",
      ...resourceFlags,
      "--grpc",
      grpc,
      "--admin",
      admin,
      "--envoy-admin",
      envoyAdmin,
      ...["--scrape-interval", String(scrapeIntervalMs)],
      ...serveFlags,
    );
  // It starts while the bootstrap is rendered.
  let sidecar = startSidecar();
  const rendered = await runUmbra(
    "render",
    ...resourceFlags,
    ...(isByAds ? [] : ["--sidecar", grpc]),
    "--envoy-admin",
    envoyAdmin,
    ...renderFlags,
  );
  if (rendered.status !== 0) {
    await sidecar.stop();
    throw new Error(rendered.stderr);
  }
  const bootstrap = join(folder, "envoy.yaml");
  writeFileSync(bootstrap, edit(rendered.stdout));

  const envoy = startEnvoy(bootstrap, workers);
  const others: Running[] = [];
  const isReady = async () => {
    if (envoy.process.exitCode !== null) throw new Error(`Envoy ended: ${envoy.output()}`);
    if (sidecar.process.exitCode !== null)
      throw new Error(`the sidecar ended: ${sidecar.output()}`);
    const urls = isCutOff
      ? [`http://${admin}/healthz`, `http://${envoyAdmin}/ready`]
      : [`http://${admin}/readyz`];
    const statuses = await Promise.all(urls.map(statusOf));
    return statuses.every((status) => status === 200);
  };
  await until("sidecar and Envoy are ready", isReady, 45_000);

  return {
    origin: `http://127.0.0.1:${http}`,
    admin,
    grpc,
    sidecar: () => sidecar,
    envoy,
    async restartSidecar() {
      await sidecar.stop("SIGKILL");
      sidecar = startSidecar();
      await until("the sidecar is ready again", isReady, 45_000);
    },
    async startAnotherEnvoy() {
      const [otherHttp, otherAdmin] = await freePorts(2);
      const file = join(folder, `envoy-${otherHttp}.yaml`);
      const text = withPort(readFileSync(bootstrap, "utf8"), http, otherHttp);
      writeFileSync(file, withPort(text, envoyAdminPort, otherAdmin));
      const other = startEnvoy(file, workers);
      others.push(other);
      const url = `http://127.0.0.1:${otherAdmin}/ready`;
      await until("another Envoy is ready", async () => (await statusOf(url)) === 200, 45_000);
      return { origin: `http://127.0.0.1:${otherHttp}`, envoy: other };
    },
    async stat(pattern) {
      const { body } = await request(`http://${envoyAdmin}/stats?format=json`);
      const { stats } = (await body.json()) as {
        stats: readonly { name?: string; value?: number }[];
      };
      return stats
        .filter(
          ({ name, value }) => name !== undefined && value !== undefined && pattern.test(name),
        )
        .reduce((sum, { value }) => sum + (value ?? 0), 0);
    },
    async json<T>(path: string) {
      const { body } = await request(`http://${admin}${path}`);
      return (await body.json()) as T;
    },
    async stop() {
      await Promise.all([envoy, ...others, sidecar].map((each) => each.stop()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function startEnvoy(bootstrap: string, workers: number): Running {
  const flags = ["--concurrency", String(workers), "--log-level", "warning"];
  return startProcess(envoyBinary, "-c", bootstrap, ...flags, "--disable-hot-restart");
}

/** The bootstrap with another port in the place of one of its listeners'. */
function withPort(bootstrap: string, from: number | undefined, to: number | undefined): string {
  return bootstrap.replaceAll(new RegExp(`port_value: ${from}\\b`, "g"), `port_value: ${to}`);
}

async function statusOf(url: string): Promise<number> {
  try {
    const { statusCode, body } = await request(url, { signal: AbortSignal.timeout(2_000) });
    await body.dump();
    return statusCode;
  } catch {
    // Not listening yet.
    return 0;
  }
}
