import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AdsProtocol, directTopology } from "@umbra/envoy-config";
import { request } from "undici";
import { type AdminEnvoy, adsBootstrap, startEnvoy } from "./ads.ts";
import { type LiveSidecarOptions, startLiveSidecar } from "./live-sidecar.ts";
import { freePorts } from "./ports.ts";
import { until } from "./until.ts";

/** What `/v1/config` has of the Envoys. */
export interface ServedConfig {
  readonly generation: number;
  readonly envoys: readonly {
    readonly isUpToDate: boolean;
    readonly refused: readonly { readonly type: string; readonly name: string }[];
  }[];
}

/** A sidecar that follows a folder of resources, and an Envoy that it feeds, each a process of its own. */
export interface LiveGateway {
  readonly envoy: () => AdminEnvoy;
  /** Replaces a file as a whole. */
  write(name: string, text: string): void;
  /** Of the sidecar's admin interface. */
  json<T>(path: string): Promise<T>;
  config(): Promise<ServedConfig>;
  /** Waits until Envoy has all of a generation, or of a later one. */
  settled(generation: number): Promise<void>;
  killSidecar(): Promise<void>;
  startSidecar(): Promise<void>;
  killEnvoy(): Promise<void>;
  startEnvoy(): Promise<void>;
  stop(): Promise<void>;
}

export interface LiveGatewayOptions {
  /** Text of the files at the start, by name. */
  readonly files: Readonly<Record<string, string>>;
  readonly protocol?: AdsProtocol;
}

/** Starts both, and waits until Envoy has the configuration. */
export async function startLiveGateway(options: LiveGatewayOptions): Promise<LiveGateway> {
  const { files, protocol = "GRPC" } = options;
  const parent = mkdtempSync(join(tmpdir(), "umbra-live-"));
  const [folder, drafts] = [join(parent, "resources"), join(parent, "drafts")];
  mkdirSync(folder);
  mkdirSync(drafts);
  const write = (name: string, text: string) => {
    writeFileSync(join(drafts, name), text);
    renameSync(join(drafts, name), join(folder, name));
  };
  for (const [name, text] of Object.entries(files)) write(name, text);
  const [grpcPort = 0, adminPort = 0] = await freePorts(2);
  const socket = join(parent, "ads.sock");
  const bare = directTopology({ primary: [], shadow: [], port: 80 });
  const [envoyAdmin = 0] = await freePorts(1);
  const start = () => startEnvoy(parent, "envoy", adsBootstrap(bare, socket, protocol), envoyAdmin);
  let envoy = await start();
  const admin = `127.0.0.1:${adminPort}`;
  const settings: LiveSidecarOptions = {
    ...{ folder, grpc: `127.0.0.1:${grpcPort}`, ads: `unix:${socket}`, admin },
    ...{ envoyAdmin: `127.0.0.1:${envoyAdmin}`, scrapeIntervalMs: 200 },
  };
  let sidecar = await startLiveSidecar(settings);
  const gateway: LiveGateway = {
    envoy: () => envoy,
    write,
    async json<T>(path: string) {
      const { body } = await request(`http://${admin}${path}`);
      return (await body.json()) as T;
    },
    config: () => gateway.json<ServedConfig>("/v1/config"),
    async settled(generation) {
      const isSettled = async () => {
        const served = await gateway.config();
        return served.generation >= generation && served.envoys[0]?.isUpToDate === true;
      };
      await until(`Envoy has generation ${generation}`, isSettled, 60_000);
    },
    killSidecar: () => sidecar.stop("SIGKILL"),
    async startSidecar() {
      sidecar = await startLiveSidecar(settings);
    },
    killEnvoy: () => envoy.stop("SIGKILL"),
    async startEnvoy() {
      envoy = await start();
    },
    async stop() {
      await Promise.all([envoy.stop(), sidecar.stop()]);
      rmSync(parent, { recursive: true, force: true });
    },
  };
  await gateway.settled(1);
  return gateway;
}
