import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ApiClient, createApiClient, readAccess } from "@umbra/kubernetes";
import { freePorts } from "../harness/ports.ts";
import { until } from "../harness/until.ts";

/** The program with etcd and the API server in it; `scripts/test-kube.mjs` finds or builds it. */
const program = process.env.UMBRA_KUBETEST ?? "";

export type Part = "etcd" | "apiserver" | "controllers";

export interface KubeServerOptions {
  /** True: also the controllers of EndpointSlices and of deleted namespaces. Default: false. */
  readonly hasControllers?: boolean;
  /** Flags of kube-apiserver in addition to the usual ones. */
  readonly apiserverFlags?: readonly string[];
}

/** A real etcd and a real kube-apiserver on loopback, with all their state in one folder. */
export class KubeServer {
  readonly folder: string;
  readonly #ports: { readonly etcd: number; readonly peer: number; readonly secure: number };
  readonly #children = new Map<Part, ChildProcess>();
  readonly #apiserverFlags: readonly string[];

  private constructor(ports: readonly number[], apiserverFlags: readonly string[]) {
    this.#apiserverFlags = apiserverFlags;
    const [etcd = 0, peer = 0, secure = 0] = ports;
    this.#ports = { etcd, peer, secure };
    this.folder = mkdtempSync(join(tmpdir(), "umbra-kube-"));
    mkdirSync(join(this.folder, "pki"));
    this.#writeIdentities();
  }

  /** Starts all parts and waits until they are ready. */
  static async start(options: KubeServerOptions = {}): Promise<KubeServer> {
    const server = new KubeServer(await freePorts(3), options.apiserverFlags ?? []);
    server.run("etcd");
    server.run("apiserver");
    await server.ready();
    if (options.hasControllers === true) server.run("controllers");
    return server;
  }

  /** A kubeconfig of `user`: "admin" may do anything, "watcher" what its roles say. */
  kubeconfig(user: "admin" | "watcher"): string {
    return join(this.folder, `${user}.kubeconfig`);
  }

  get url(): string {
    return `https://127.0.0.1:${this.#ports.secure}`;
  }

  /** A kubeconfig of "admin" for another address, without TLS, that leads to this API server. */
  kubeconfigAt(url: string): string {
    const config = JSON.parse(readFileSync(this.kubeconfig("admin"), "utf8")) as object;
    const file = join(this.folder, `at-${new URL(url).port}.kubeconfig`);
    const clusters = [{ name: "test", cluster: { server: url } }];
    writeFileSync(file, JSON.stringify({ ...config, clusters }), { mode: 0o600 });
    return file;
  }

  client(user: "admin" | "watcher" = "admin"): ApiClient {
    return createApiClient(readAccess({ file: this.kubeconfig(user) }), "umbra-test");
  }

  /** Starts a part, also again after `kill`. */
  run(part: Part): void {
    const log = openSync(join(this.folder, `${part}.log`), "a");
    const child = spawn(program, [part, ...this.#flags(part)], { stdio: ["ignore", log, log] });
    this.#children.set(part, child);
  }

  /** Ends a part with a signal and waits for its end. */
  async kill(part: Part, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const child = this.#children.get(part);
    this.#children.delete(part);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGCONT");
    child.kill(signal);
    await ended;
  }

  /** Sends a signal that does not end a part, such as SIGSTOP. */
  signal(part: Part, signal: "SIGSTOP" | "SIGCONT"): void {
    this.#children.get(part)?.kill(signal);
  }

  async ready(): Promise<void> {
    const client = this.client();
    await until("the API server is ready", () => this.#isReady(client), 120_000);
    await client.close();
  }

  async close(): Promise<void> {
    await this.kill("controllers");
    await this.kill("apiserver");
    await this.kill("etcd");
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #isReady(client: ApiClient): Promise<boolean> {
    for (const [part, child] of this.#children) {
      if (child.exitCode === null) continue;
      const log = readFileSync(join(this.folder, `${part}.log`), "utf8").slice(-2_000);
      throw new Error(`${part} ended with status ${child.exitCode}:\n${log}`);
    }
    try {
      // Answered last of what a new API server sets up.
      await client.request({ method: "GET", path: "/api/v1/namespaces/default", timeoutMs: 2_000 });
      return true;
    } catch {
      // Not yet.
      return false;
    }
  }

  #writeIdentities(): void {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
    const key = privateKey.export({ type: "sec1", format: "pem" });
    writeFileSync(join(this.folder, "pki", "sa.key"), key, { mode: 0o600 });
    const users = [
      { name: "admin", group: ',"system:masters"' },
      { name: "watcher", group: "" },
    ].map((user) => ({ ...user, token: randomBytes(16).toString("hex") }));
    const lines = users.map(({ token, name, group }) => `${token},${name},${name}${group}\n`);
    writeFileSync(join(this.folder, "pki", "tokens.csv"), lines.join(""), { mode: 0o600 });
    for (const { name, token } of users) {
      const config = {
        "current-context": "test",
        clusters: [
          {
            name: "test",
            cluster: {
              server: `https://127.0.0.1:${this.#ports.secure}`,
              // The API server makes its own certificate in this folder.
              "certificate-authority": "pki/apiserver.crt",
            },
          },
        ],
        users: [{ name, user: { token } }],
        contexts: [{ name: "test", context: { cluster: "test", user: name } }],
      };
      const file = join(this.folder, `${name}.kubeconfig`);
      writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
    }
  }

  #flags(part: Part): string[] {
    const { etcd, peer, secure } = this.#ports;
    const [clients, peers] = [`http://127.0.0.1:${etcd}`, `http://127.0.0.1:${peer}`];
    const pki = join(this.folder, "pki");
    if (part === "controllers") return [this.kubeconfig("admin")];
    if (part === "etcd") {
      return [
        "--name=t",
        `--data-dir=${join(this.folder, "etcd")}`,
        "--unsafe-no-fsync",
        "--log-level=warn",
        `--listen-client-urls=${clients}`,
        `--advertise-client-urls=${clients}`,
        `--listen-peer-urls=${peers}`,
        `--initial-advertise-peer-urls=${peers}`,
        `--initial-cluster=t=${peers}`,
      ];
    }
    return [
      `--etcd-servers=${clients}`,
      "--bind-address=127.0.0.1",
      "--advertise-address=127.0.0.1",
      `--secure-port=${secure}`,
      "--endpoint-reconciler-type=none",
      "--service-cluster-ip-range=10.0.0.0/24",
      `--cert-dir=${pki}`,
      "--service-account-issuer=https://kubernetes.default.svc",
      `--service-account-signing-key-file=${join(pki, "sa.key")}`,
      `--service-account-key-file=${join(pki, "sa.key")}`,
      `--token-auth-file=${join(pki, "tokens.csv")}`,
      "--anonymous-auth=false",
      "--authorization-mode=RBAC",
      "--disable-admission-plugins=ServiceAccount",
      "--profiling=false",
      "--allow-privileged=true",
      ...this.#apiserverFlags,
    ];
  }
}
