import type { Dispatcher } from "undici";
import type { ApiAccess, Authorized } from "../api/api-client.ts";
import { KubernetesError } from "../api/kubernetes-error.ts";
import { type Credentials, UserAuthenticator } from "./authenticator.ts";
import type { ClusterConfig } from "./cluster-config.ts";
import { openConnections } from "./connections.ts";
import { isInCluster, readInCluster } from "./in-cluster.ts";
import { type KubeconfigOptions, kubeconfigFiles, readKubeconfig } from "./kubeconfig.ts";

/**
 * The API server of this environment: that of `options.file` or of `KUBECONFIG`; else, in a pod, the pod's own; else that
 * of `~/.kube/config`.
 *
 * @throws KubernetesError INVALID_CONFIG
 */
export function readAccess(
  options: KubeconfigOptions = {},
  environment: Readonly<Record<string, string | undefined>> = process.env,
): ApiAccess {
  const isNamed = options.file !== undefined || (environment.KUBECONFIG ?? "") !== "";
  const config =
    !isNamed && options.context === undefined && isInCluster(environment)
      ? readInCluster(environment)
      : readKubeconfig(kubeconfigFiles(options, environment), options.context);
  return accessOf(config);
}

/** Requests go to `config`'s cluster as its user. */
export function accessOf(config: ClusterConfig): ApiAccess {
  checkServer(config);
  return new Access(config);
}

const minRefreshMs = 1_000;

const none: Credentials = { headers: {} };

class Access implements ApiAccess {
  readonly server: string;
  readonly namespace?: string;
  readonly #config: ClusterConfig;
  #authenticator: UserAuthenticator | undefined;
  #open: { dispatcher: Dispatcher; credentials: Credentials } | undefined;
  readonly #old = new Set<Promise<void>>();
  #asking: Promise<Credentials> | undefined;
  #refreshedMs = Number.NEGATIVE_INFINITY;

  constructor(config: ClusterConfig) {
    this.#config = config;
    this.server = config.cluster.server;
    if (config.namespace !== undefined) this.namespace = config.namespace;
  }

  async authorize(): Promise<Authorized> {
    const { cluster, user } = this.#config;
    if (user !== undefined) this.#authenticator ??= new UserAuthenticator(user, cluster);
    const credentials = await this.#credentials();
    const isSame =
      credentials.cert === this.#open?.credentials.cert &&
      credentials.key === this.#open?.credentials.key;
    if (!isSame) this.#retire();
    this.#open ??= { dispatcher: openConnections(cluster, user, credentials), credentials };
    return { dispatcher: this.#open.dispatcher, headers: credentials.headers };
  }

  refresh(): void {
    // Many requests are refused at the same time.
    const nowMs = performance.now();
    if (nowMs - this.#refreshedMs < minRefreshMs) return;
    this.#refreshedMs = nowMs;
    this.#authenticator = undefined;
    this.#retire();
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await Promise.all([open?.dispatcher.destroy(), ...this.#old]);
  }

  /** Many requests at once ask a program only once. */
  async #credentials(): Promise<Credentials> {
    if (this.#authenticator === undefined) return none;
    this.#asking ??= this.#authenticator.credentials().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** Requests under way end on their connections; later ones get new ones. */
  #retire(): void {
    if (this.#open === undefined) return;
    const closing = this.#open.dispatcher.close().finally(() => this.#old.delete(closing));
    this.#old.add(closing);
    this.#open = undefined;
  }
}

function checkServer({ cluster: { name, server, proxyUrl } }: ClusterConfig): void {
  if (!hasProtocol(server, /^https?:$/)) {
    throw invalid(name, `its server "${server}" is not an http or https address`);
  }
  if (proxyUrl && !hasProtocol(proxyUrl, /^(?:https?|socks|socks5h?):$/)) {
    throw invalid(name, "its proxy-url is not an http, https or socks5 address");
  }
}

function hasProtocol(url: string, protocol: RegExp): boolean {
  return URL.canParse(url) && protocol.test(new URL(url).protocol);
}

function invalid(name: string, problem: string): KubernetesError {
  return new KubernetesError("INVALID_CONFIG", `cluster "${name}": ${problem}`);
}
