import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { directTopology } from "@umbra/envoy-config";
import { request } from "undici";
import { type AdminEnvoy, adsBootstrap, startEnvoy } from "../harness/ads.ts";
import { freePorts } from "../harness/ports.ts";
import { type Running, startUmbra } from "../harness/processes.ts";
import { until } from "../harness/until.ts";

export interface TestedGatewayOptions {
  readonly folder: string;
  readonly kubeconfig: string;
  /** Where the logs of both processes go. */
  readonly logs: string;
  /** Network of the Gateways' addresses. */
  readonly gatewayAddresses: string;
  readonly flags?: readonly string[];
}

/** `umbra serve` on a Kubernetes API server, and the Envoy that it configures: what the suites test. */
export class TestedGateway {
  readonly #processes: readonly Running[];
  readonly #admin: string;

  private constructor(processes: readonly Running[], admin: string) {
    this.#processes = processes;
    this.#admin = admin;
  }

  static async start(options: TestedGatewayOptions): Promise<TestedGateway> {
    const { folder, kubeconfig, logs, gatewayAddresses, flags = [] } = options;
    const socket = join(folder, "ads.sock");
    const [grpc, adminPort, envoyAdmin] = await freePorts(3);
    const admin = `127.0.0.1:${adminPort}`;
    const umbra = startUmbra(
      ...["serve", "--kube", "--kubeconfig", kubeconfig, "--all-namespaces"],
      ...["--gateway-addresses", gatewayAddresses, "--ads", `unix:${socket}`],
      ...["--grpc", `127.0.0.1:${grpc}`, "--admin", admin],
      ...["--envoy-admin", `127.0.0.1:${envoyAdmin}`, ...flags],
    );
    const bare = directTopology({ primary: [], shadow: [], port: 80 });
    const bootstrap = adsBootstrap(bare, socket, "DELTA_GRPC");
    const envoy: AdminEnvoy = await startEnvoy(folder, "envoy", bootstrap, envoyAdmin);
    keepLog(umbra, join(logs, "umbra.log"));
    keepLog(envoy, join(logs, "envoy.log"));
    const gateway = new TestedGateway([envoy, umbra], admin);
    await until("the sidecar answers", () => gateway.#isAlive(), 60_000);
    return gateway;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#processes.map((each) => each.stop()));
  }

  /** How many requests Umbra has picked an endpoint for. */
  async picks(): Promise<number> {
    const { body } = await request(`http://${this.#admin}/metrics`);
    const lines = (await body.text()).split("\n");
    return lines
      .filter((line) => line.startsWith("umbra_picks_total{"))
      .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  }

  async #isAlive(): Promise<boolean> {
    const { statusCode, body } = await request(`http://${this.#admin}/healthz`);
    await body.dump();
    return statusCode === 200;
  }
}

function keepLog({ process: child }: Running, file: string): void {
  const log = createWriteStream(file);
  // One stream may end before the other.
  for (const stream of [child.stdout, child.stderr]) stream?.pipe(log, { end: false });
  child.once("close", () => log.end());
}
