import { type Running, startUmbra } from "./processes.ts";
import { until } from "./until.ts";

export interface LiveSidecarOptions {
  /** A folder of resources, which it follows. */
  readonly folder: string;
  /** Addresses of its ext_proc server, of ADS, of its admin interface and of Envoy's. */
  readonly grpc: string;
  readonly ads: string;
  readonly admin: string;
  readonly envoyAdmin: string;
  readonly scrapeIntervalMs: number;
}

/** Starts `umbra serve --ads`, and waits until it serves the folder. `onStarted` gets what has to be stopped, whatever comes next. */
export async function startLiveSidecar(
  options: LiveSidecarOptions,
  onStarted: (sidecar: Running) => void = () => {},
): Promise<Running> {
  const { folder, grpc, ads, admin, envoyAdmin, scrapeIntervalMs } = options;
  const sidecar = startUmbra(
    ...["serve", "-f", folder, "--bind", "127.0.0.1", "--log-level", "warn"],
    ...["--grpc", grpc, "--ads", ads, "--admin", admin, "--envoy-admin", envoyAdmin],
    ...["--scrape-interval", String(scrapeIntervalMs)],
    ...["--stale-after", String(3 * scrapeIntervalMs)],
  );
  onStarted(sidecar);
  const isUp = async () => {
    if (sidecar.process.exitCode !== null) throw new Error(`it has ended: ${sidecar.output()}`);
    const answer = await fetch(`http://${admin}/v1/config`).catch(() => undefined);
    if (answer === undefined) return false;
    return ((await answer.json()) as { generation: number }).generation > 0;
  };
  await until("the sidecar serves the folder", isUp, 60_000);
  return sidecar;
}
