import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { directTopology, renderAdsBootstrap } from "@umbra/envoy-config";
import { Agent, request } from "undici";
import { freePorts } from "../../e2e/harness/ports.ts";
import { type Running, startProcess, startUmbra } from "../../e2e/harness/processes.ts";
import { until } from "../../e2e/harness/until.ts";
import { type StartedServer, startServer } from "../harness/child.ts";
import { cpuMsOf, rssMbOf } from "../harness/usage.ts";
import { Cluster } from "./cluster.ts";

const envoyBinary =
  process.env.ENVOY_BIN ?? new URL("../../.cache/envoy/1.40.0/envoy", import.meta.url).pathname;

const chatBody = JSON.stringify({
  ...{ model: "m", max_tokens: 4 },
  messages: [{ role: "user", content: "a question" }],
});

/** A connection for each request at a time, so that none waits for another. */
const agent = new Agent({ connections: 64 });

/** A real API server, model servers at its pods' addresses, a sidecar that follows it, and Envoy: a process each. */
export class Testbed {
  readonly #folder = mkdtempSync(join(tmpdir(), "umbra-bench-kube-"));
  readonly #ports: Readonly<Record<"http" | "grpc" | "admin" | "envoyAdmin" | "model", number>>;
  #cluster: Cluster | undefined;
  #models: StartedServer | undefined;
  #sidecar: Running | undefined;
  #envoy: Running | undefined;

  private constructor(ports: readonly number[]) {
    const [http = 0, grpc = 0, admin = 0, envoyAdmin = 0, model = 0] = ports;
    this.#ports = { http, grpc, admin, envoyAdmin, model };
  }

  static async create(): Promise<Testbed> {
    return new Testbed(await freePorts(5));
  }

  get cluster(): Cluster {
    if (this.#cluster === undefined) throw new Error("the cluster has not been started");
    return this.#cluster;
  }

  async startCluster(size: { readonly pods: number; readonly routes: number }): Promise<void> {
    const { http: httpPort, model: modelPort } = this.#ports;
    const cluster = await Cluster.start({ ...size, httpPort, modelPort }, (started) => {
      this.#cluster = started;
    });
    this.#models = await startServer("model-stub", cluster.endpoints.join(","));
  }

  startSidecar(): void {
    const { grpc, admin, envoyAdmin } = this.#ports;
    this.#sidecar = startUmbra(
      ...["serve", "--kube", "--kubeconfig", this.cluster.server.kubeconfig("admin")],
      ...["--bind", "127.0.0.1", "--log-level", "warn", "--ads", this.#ads],
      ...["--grpc", `127.0.0.1:${grpc}`, "--admin", `127.0.0.1:${admin}`],
      // Hundreds of endpoints scraped ten times a second would be measured with the changes.
      ...["--envoy-admin", `127.0.0.1:${envoyAdmin}`, "--scrape-interval", "1000"],
      ...["--stale-after", "3000"],
    );
  }

  startEnvoy(): void {
    const { http, envoyAdmin } = this.#ports;
    const file = join(this.#folder, "envoy.yaml");
    const bare = directTopology({ primary: [], shadow: [], port: http });
    const options = { envoyAdmin: `127.0.0.1:${envoyAdmin}` };
    writeFileSync(file, renderAdsBootstrap(bare, { address: this.#ads }, options));
    const flags = ["--concurrency", "1", "--log-level", "error", "--disable-hot-restart"];
    this.#envoy = startProcess(envoyBinary, "-c", file, ...flags);
  }

  /** Waits until the sidecar is ready for requests. */
  async serving(): Promise<void> {
    const isReady = async (): Promise<boolean> => (await this.#get("/readyz")).statusCode === 200;
    await until("the sidecar is ready", () => this.#unlessEnded(isReady), 120_000);
  }

  /** Waits until Envoy has taken all of the configuration. */
  async settled(): Promise<void> {
    const isSettled = async (): Promise<boolean> => {
      const { envoys = [] } = (await (await this.#get("/v1/config")).body.json()) as Config;
      return envoys.length === 1 && envoys[0]?.isUpToDate === true;
    };
    await until("Envoy has taken all", () => this.#unlessEnded(isSettled), 120_000);
  }

  /** One request. Status 0: there was no answer. */
  async ask(host: string): Promise<{ readonly status: number; readonly generation: number }> {
    try {
      const { statusCode, headers, body } = await request(
        `http://127.0.0.1:${this.#ports.http}/v1/chat/completions`,
        {
          ...{ method: "POST", body: chatBody, dispatcher: agent },
          headers: { host, "content-type": "application/json" },
        },
      );
      await body.dump();
      return { status: statusCode, generation: Number(headers["x-generation"]) };
    } catch {
      return { status: 0, generation: Number.NaN };
    }
  }

  /** Resident memory of the sidecar, in MB. */
  sidecarMb(): number {
    return rssMbOf(this.#sidecar?.process.pid ?? 0);
  }

  /** CPU time of the sidecar so far, in s: on a busy machine, what says more than the time that passed. */
  sidecarCpuS(): number {
    return cpuMsOf(this.#sidecar?.process.pid ?? 0) / 1_000;
  }

  async stop(): Promise<void> {
    await Promise.all([this.#envoy?.stop(), this.#sidecar?.stop("SIGKILL")]);
    if (this.#models?.child.connected) this.#models.child.send("stop");
    await this.#cluster?.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #ads(): string {
    return `unix:${join(this.#folder, "ads.sock")}`;
  }

  #get(path: string): ReturnType<typeof request> {
    return request(`http://127.0.0.1:${this.#ports.admin}${path}`);
  }

  async #unlessEnded(isTrue: () => Promise<boolean>): Promise<boolean> {
    if (this.#sidecar !== undefined && this.#sidecar.process.exitCode !== null) {
      throw new Error(`the sidecar has ended: ${this.#sidecar.output()}`);
    }
    return isTrue();
  }
}

interface Config {
  readonly envoys?: readonly { readonly isUpToDate: boolean }[];
}
