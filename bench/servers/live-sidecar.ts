// Umbra's sidecar with a folder of resources that may change, and ADS for Envoy. Its argument: the settings, as JSON.
import { startConfiguration } from "@umbra/control";
import { type Sidecar, startSidecar } from "@umbra/sidecar";
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

const settings = JSON.parse(process.argv[2] ?? "{}") as LiveSettings;
const log = pino({ level: "warn" }, pino.destination(2));
let sidecar: Sidecar | undefined;
const { first } = await startConfiguration({
  paths: [settings.folder],
  topology: { bindAddress: "127.0.0.1" },
  rendering: { sidecar: settings.sidecar, envoyAdmin: settings.envoyAdmin },
  isWatched: true,
  onChange: (update) => sidecar?.apply(update),
  onProblem: (words) => log.warn(words),
});
sidecar = await startSidecar({
  topology: first.topology,
  grpc: settings.sidecar,
  ads: { address: settings.ads },
  admin: { host: "127.0.0.1", port: settings.adminPort },
  log,
  scrapeIntervalMs: settings.scrapeIntervalMs,
  staleAfterMs: 3 * settings.scrapeIntervalMs,
});
sidecar.apply(first);
tell(settings.adminPort);
