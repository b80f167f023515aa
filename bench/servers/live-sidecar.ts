// Umbra's sidecar with a folder of resources that may change, and ADS for Envoy. Its argument: the settings, as JSON.
import { Worker } from "node:worker_threads";
import type { Topology } from "@umbra/envoy-config";
import { type Sidecar, startSidecar } from "@umbra/sidecar";
import { type Kind, type Resource, type Snapshot, snapshotOf } from "@umbra/xds";
import pino from "pino";
import { tell } from "../harness/tell.ts";

export interface LiveSettings {
  readonly folder: string;
  /** Addresses of the ext_proc server, of ADS, and of the two admin interfaces. */
  readonly sidecar: string;
  readonly ads: string;
  readonly adminPort: number;
  readonly envoyAdmin: string;
  readonly scrapeIntervalMs: number;
}

export interface ResolvedFolder {
  readonly topology: Topology;
  readonly resources: Readonly<Partial<Record<Kind, readonly Resource[]>>>;
  readonly changedAtMs: number;
}

const settings = JSON.parse(process.argv[2] ?? "{}") as LiveSettings;
let sidecar: Promise<Sidecar> | undefined;
let held: Snapshot | undefined;
let generation = 0;

new Worker(new URL("./live-worker.ts", import.meta.url), { workerData: settings }).on(
  "message",
  async ({ topology, resources, changedAtMs }: ResolvedFolder) => {
    sidecar ??= startSidecar({
      topology,
      grpc: settings.sidecar,
      ads: { address: settings.ads },
      admin: { host: "127.0.0.1", port: settings.adminPort },
      log: pino({ level: "error" }, pino.destination(2)),
      scrapeIntervalMs: settings.scrapeIntervalMs,
      staleAfterMs: 3 * settings.scrapeIntervalMs,
    });
    const running = await sidecar;
    held = snapshotOf(resources, held);
    generation++;
    const facts = { findings: [], staleFiles: [], objects: 1, changes: [], changedAtMs };
    running.apply({ ...facts, generation, topology, snapshot: held });
  },
);
tell(settings.adminPort);
