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

const none: Credentials = { headers: {} };

class Access implements ApiAccess {
  readonly server: string;
  readonly namespace?: string;
  readonly #config: ClusterConfig;
  #authenticator: UserAuthenticator | undefined;
  #open: { dispatcher: Dispatcher; credentials: Credentials } | undefined;
  readonly #old = new Set<Promise<void>>();

  constructor(config: ClusterConfig) {
    this.#config = config;
    this.server = config.cluster.server;
    if (config.namespace !== undefined) this.namespace = config.namespace;
  }

  async authorize(): Promise<Authorized> {
    const { cluster, user } = this.#config;
    if (user !== undefined) this.#authenticator ??= new UserAuthenticator(user, cluster);
    const credentials = (await this.#authenticator?.credentials()) ?? none;
    const isSame =
      credentials.cert === this.#open?.credentials.cert &&
      credentials.key === this.#open?.credentials.key;
    if (!isSame) this.#retire();
    this.#open ??= { dispatcher: openConnections(cluster, user, credentials), credentials };
    return { dispatcher: this.#open.dispatcher, headers: credentials.headers };
  }

  refresh(): void {
    this.#authenticator = undefined;
    this.#retire();
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await Promise.all([open?.dispatcher.destroy(), ...this.#old]);
  }

  /** Requests under way end on their connections; later ones get new ones. */
  #retire(): void {
    if (this.#open === undefined) return;
    const closing = this.#open.dispatcher.close().finally(() => this.#old.delete(closing));
    this.#old.add(closing);
    this.#open = undefined;
  }
}

function checkServer({ cluster }: ClusterConfig): void {
  const isUrl = URL.canParse(cluster.server) && /^https?:$/.test(new URL(cluster.server).protocol);
  if (isUrl) return;
  throw new KubernetesError(
    "INVALID_CONFIG",
    `cluster "${cluster.name}": its server "${cluster.server}" is not an http or https address`,
  );
}
