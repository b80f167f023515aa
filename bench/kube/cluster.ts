import type { ApiClient, JsonObject } from "@umbra/kubernetes";
import { parse } from "yaml";
import { installDefinitions } from "../../e2e/kube/definitions.ts";
import { KubeServer } from "../../e2e/kube/kube-server.ts";

/** How many requests are sent to the API server at the same time. */
const concurrency = 16;
/** Thousands of objects take a busy machine a while. */
const maxWriteMs = 60_000;

/** Pods of the shared pools. The pool of `probePod` has only that one. */
export interface ClusterOptions {
  readonly pods: number;
  readonly routes: number;
  /** Of the Gateway's listener. */
  readonly httpPort: number;
  /** Of the model servers, each on a loopback address of its own. */
  readonly modelPort: number;
}

const gatewayApi = "/apis/gateway.networking.k8s.io/v1";
const routesPath = `${gatewayApi}/namespaces/default/httproutes`;
const poolsPath = "/apis/inference.networking.k8s.io/v1/namespaces/default/inferencepools";
const podsPath = "/api/v1/namespaces/default/pods";

/** A pool of its own with a route of its own, for what is measured of one pod. */
export const probePod = "probe";
export const probeHost = "probe.example.com";

/** A real API server with a Gateway, pools, routes and pods that have no kubelet. */
export class Cluster {
  readonly server: KubeServer;
  readonly #client: ApiClient;
  readonly #options: ClusterOptions;

  private constructor(server: KubeServer, options: ClusterOptions) {
    this.server = server;
    this.#client = server.client();
    this.#options = options;
  }

  /** `onStarted` gets what has to be stopped, whatever comes next. */
  static async start(
    options: ClusterOptions,
    onStarted: (cluster: Cluster) => void,
  ): Promise<Cluster> {
    const cluster = new Cluster(await KubeServer.start(), options);
    onStarted(cluster);
    await installDefinitions(cluster.#client);
    await cluster.#fill();
    return cluster;
  }

  /** Where the pods' model servers listen. */
  get endpoints(): readonly string[] {
    const { pods, modelPort } = this.#options;
    const names = [probePod, ...Array.from({ length: pods }, (_, index) => podName(index))];
    return names.map((name) => `${ipOf(name)}:${modelPort}`);
  }

  /** Sets whether a pod is ready. Returns when the API server has answered. */
  async setReady(pod: string, isReady: boolean): Promise<void> {
    await this.#client.request({
      method: "PATCH",
      path: `${podsPath}/${pod}/status`,
      contentType: "application/merge-patch+json",
      body: { status: statusOf(pod, isReady) },
    });
  }

  /** Gives the answers of a route another `x-generation`. */
  async changeRoute(index: number, generation: number): Promise<void> {
    await this.#client.request({
      method: "PATCH",
      path: `${routesPath}/route-${index}`,
      contentType: "application/merge-patch+json",
      body: { spec: routeSpec(hostOf(index), poolOf(index, this.#pools), generation) },
    });
  }

  async stop(): Promise<void> {
    await this.#client.close();
    await this.server.close();
  }

  /** Routes share pools of four pods. */
  get #pools(): number {
    return Math.max(1, Math.floor(this.#options.pods / 4));
  }

  async #fill(): Promise<void> {
    const { routes, pods, httpPort, modelPort } = this.#options;
    await this.#post(`${gatewayApi}/gatewayclasses`, gatewayClass);
    await this.#post(`${gatewayApi}/namespaces/default/gateways`, gatewayAt(httpPort));
    const pools = [probePod, ...Array.from({ length: this.#pools }, (_, i) => `pool-${i}`)];
    await forEach(pools, (name) => this.#post(poolsPath, poolCalled(name, modelPort)));
    await this.#createPod(probePod, probePod);
    const names = Array.from({ length: pods }, (_, index) => index);
    await forEach(names, (index) => this.#createPod(podName(index), poolOf(index, this.#pools)));
    await this.#post(routesPath, routeCalled("probe", routeSpec(probeHost, probePod, 0)));
    const indexes = Array.from({ length: routes }, (_, index) => index);
    await forEach(indexes, (index) => {
      const spec = routeSpec(hostOf(index), poolOf(index, this.#pools), 0);
      return this.#post(routesPath, routeCalled(`route-${index}`, spec));
    });
  }

  async #createPod(name: string, app: string): Promise<void> {
    await this.#post(podsPath, {
      ...{ apiVersion: "v1", kind: "Pod" },
      metadata: { name, labels: { app } },
      spec: { containers: [{ name: "vllm", image: "vllm/vllm-openai" }] },
    });
    await this.setReady(name, true);
  }

  async #post(path: string, body: JsonObject): Promise<void> {
    await this.#client.request({ method: "POST", path, body, timeoutMs: maxWriteMs });
  }
}

export function podName(index: number): string {
  return `pod-${index}`;
}

/** The host that a route answers to. */
export function hostOf(route: number): string {
  return `host-${route}.example.com`;
}

function poolOf(index: number, pools: number): string {
  return `pool-${index % pools}`;
}

/** Each pod has a loopback address, where a model server can listen. */
function ipOf(pod: string): string {
  if (pod === probePod) return "127.1.0.1";
  const index = Number(pod.slice("pod-".length));
  return `127.2.${Math.floor(index / 250)}.${(index % 250) + 1}`;
}

function statusOf(pod: string, isReady: boolean): JsonObject {
  const ip = ipOf(pod);
  return {
    ...{ phase: "Running", podIP: ip, podIPs: [{ ip }] },
    conditions: [{ type: "Ready", status: isReady ? "True" : "False" }],
  };
}

const gatewayClass = parse(`
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: umbra }
spec: { controllerName: umbra.dev/gateway }
`) as JsonObject;

function gatewayAt(port: number): JsonObject {
  return parse(`
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: gateway }
spec: { gatewayClassName: umbra, listeners: [{ name: http, port: ${port}, protocol: HTTP }] }
`) as JsonObject;
}

function poolCalled(name: string, port: number): JsonObject {
  return parse(`
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: { name: ${name} }
spec:
  targetPorts: [{ number: ${port} }]
  selector: { matchLabels: { app: ${name} } }
  endpointPickerRef: { name: umbra, failureMode: FailOpen, port: { number: 9002 } }
`) as JsonObject;
}

function routeCalled(name: string, spec: JsonObject): JsonObject {
  const apiVersion = "gateway.networking.k8s.io/v1";
  return { apiVersion, kind: "HTTPRoute", metadata: { name }, spec };
}

function routeSpec(host: string, pool: string, generation: number): JsonObject {
  return parse(`
parentRefs: [{ name: gateway }]
hostnames: [${host}]
rules:
  - matches: [{ path: { type: PathPrefix, value: /v1 } }]
    filters:
      - type: ResponseHeaderModifier
        responseHeaderModifier: { set: [{ name: x-generation, value: "${generation}" }] }
    backendRefs: [{ group: inference.networking.k8s.io, kind: InferencePool, name: ${pool} }]
`) as JsonObject;
}

/** Calls `make` for each, a few at a time. */
async function forEach<T>(items: readonly T[], make: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  const worker = async (): Promise<void> => {
    for (const item of rest) await make(item);
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}
