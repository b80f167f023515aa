import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type AdsProtocol,
  type DynamicResources,
  renderAdsBootstrap,
  type Topology,
} from "@umbra/envoy-config";
import { createGrpcServer, type GrpcServer, statusCode } from "@umbra/grpc";
import {
  type AdsObserver,
  type AdsServer,
  createAdsServer,
  encodeResource,
  kinds,
  type Snapshot,
  snapshotOf,
} from "@umbra/xds";
import { request } from "undici";
import { freePorts } from "./ports.ts";
import { type Running, startProcess } from "./processes.ts";

const envoyBinary =
  process.env.ENVOY_BIN ??
  fileURLToPath(new URL("../../.cache/envoy/1.40.0/envoy", import.meta.url));

/** Encodes rendered resources; kinds that have not changed keep their map. */
export function encoded(resources: DynamicResources, before?: Snapshot): Snapshot {
  const made = kinds.map((kind) => {
    const given = [...resources[kind]];
    return [kind, given.map(([name, json]) => encodeResource(kind, name, json))] as const;
  });
  return snapshotOf(Object.fromEntries(made), before);
}

/** An ADS server on a Unix socket. */
export interface AdsHarness {
  readonly ads: AdsServer;
  readonly socket: string;
  readonly folder: string;
  /** Ends the server. */
  leave(): Promise<void>;
  /** Ends the server and starts another one on the same socket. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export async function startAds(observer: AdsObserver = {}): Promise<AdsHarness> {
  const folder = mkdtempSync(join(tmpdir(), "umbra-ads-"));
  const socket = join(folder, "ads.sock");
  let [ads, grpc] = await listen(socket, observer);
  return {
    get ads() {
      return ads;
    },
    socket,
    folder,
    leave: () => grpc.close(0),
    async restart() {
      await grpc.close(0);
      [ads, grpc] = await listen(socket, observer);
    },
    async close() {
      await grpc.close(0);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function listen(
  socket: string,
  observer: AdsObserver,
): Promise<readonly [AdsServer, GrpcServer]> {
  const ads = createAdsServer({ observer });
  const grpc = createGrpcServer({
    methods: ads.methods,
    maxMessageBytes: 4 * 1024 * 1024,
    maxConcurrentStreams: 100,
    onThrow: (cause) => ({ code: statusCode.internal, message: String(cause) }),
  });
  await grpc.listen(`unix:${socket}`);
  return [ads, grpc];
}

/** An Envoy, with what its admin interface says. */
export interface AdminEnvoy extends Running {
  readonly adminPort: number;
  configDump(): Promise<readonly Readonly<Record<string, unknown>>[]>;
  stat(name: string): Promise<number>;
}

/** Starts Envoy with a bootstrap whose admin interface is on `adminPort`: a free port, or the given one. */
export async function startEnvoy(
  folder: string,
  name: string,
  bootstrapOf: (adminPort: number) => string,
  givenPort?: number,
): Promise<AdminEnvoy> {
  const adminPort = givenPort ?? (await freePorts(1))[0] ?? 0;
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, bootstrapOf(adminPort));
  const flags = ["--concurrency", "1", "--log-level", "warning", "--disable-hot-restart"];
  const running = startProcess(envoyBinary, "-c", file, ...flags, "--drain-time-s", "1");
  const admin = `http://127.0.0.1:${adminPort}`;
  return {
    ...running,
    adminPort,
    async configDump() {
      const { body } = await request(`${admin}/config_dump?include_eds`);
      return ((await body.json()) as { configs: Record<string, unknown>[] }).configs;
    },
    async stat(wanted) {
      const { body } = await request(`${admin}/stats?format=json&filter=^${wanted}$`);
      const { stats } = (await body.json()) as { stats: readonly { value?: number }[] };
      return stats[0]?.value ?? 0;
    },
  };
}

/** The small bootstrap of an Envoy that gets its configuration from `socket`. */
export function adsBootstrap(
  topology: Topology,
  socket: string,
  protocol: AdsProtocol,
): (adminPort: number) => string {
  return (adminPort) =>
    renderAdsBootstrap(
      topology,
      { address: `unix:${socket}`, protocol },
      { envoyAdmin: `127.0.0.1:${adminPort}` },
    );
}
