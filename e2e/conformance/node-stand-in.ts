import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import { join } from "node:path";
import {
  type ApiClient,
  isKubernetesError,
  type KubernetesSource,
  startKubernetes,
  type WatchedKind,
} from "@umbra/kubernetes";
import { writeSelfSigned } from "../harness/self-signed.ts";
import { until } from "../harness/until.ts";
import type { PodNetwork } from "./pod-network.ts";
import type { Deployment, Pod } from "./workloads.ts";

const kubeletPort = 10_250;
const nodeName = "stand-in";

const kinds: readonly WatchedKind[] = [
  { group: "apps", version: "v1", plural: "deployments", kind: "Deployment", isNamespaced: true },
  { group: "", version: "v1", plural: "pods", kind: "Pod", isNamespaced: true },
];

/** What runs for a pod. */
export interface NodePod {
  readonly uid: string;
  /** Starts its programs; resolves with its address when it is ready. */
  start(): Promise<string>;
  /** Resolves when its programs have ended by themselves: true if all succeeded. Absent for pods that serve. */
  readonly ended?: Promise<boolean>;
  stop(): void;
  /** What a container has written. */
  log(container: string): string;
}

export interface NodeStandInOptions {
  readonly client: ApiClient;
  readonly network: PodNetwork;
  readonly folder: string;
  readonly podFor: (pod: Pod) => NodePod;
  readonly onProblem: (text: string) => void;
}

/**
 * Stands in for the Deployment controller, the scheduler and the kubelet of one node: makes the pods of Deployments, has
 * programs run for their containers, says that they are ready or have ended, and serves their logs. It has no containers,
 * no restarts and no rollouts.
 */
export class NodeStandIn {
  readonly #options: NodeStandInOptions;
  readonly #deployments = new Map<string, Deployment>();
  readonly #pods = new Map<string, Pod>();
  readonly #running = new Map<string, NodePod>();
  readonly #logs: Server;
  #source: KubernetesSource | undefined;
  #isDirty = false;
  #isWorking = false;

  private constructor(options: NodeStandInOptions, logs: Server) {
    this.#options = options;
    this.#logs = logs;
  }

  static async start(options: NodeStandInOptions): Promise<NodeStandIn> {
    const { client, folder, network } = options;
    await createNode(client, network.nodeAddress);
    await writeSelfSigned(folder, ["kubelet"]);
    const [cert, key] = ["pem", "key"].map((end) => readFileSync(join(folder, `kubelet.${end}`)));
    const logs = createServer({ cert, key });
    const node = new NodeStandIn(options, logs);
    logs.on("request", (request, response) => {
      response.end(node.#logOf(request.url ?? ""));
    });
    await new Promise<void>((resolve) => logs.listen(kubeletPort, network.nodeAddress, resolve));
    const source = startKubernetes({
      ...{ client, kinds, isAlone: true },
      onChange: (changes) => {
        for (const change of changes) {
          if (change.type === "put") node.#put(change.object as unknown as Deployment | Pod);
          else node.#heldOf(change.id.kind).delete(`${change.id.namespace}/${change.id.name}`);
        }
        node.#reconcileSoon();
      },
      onProblem: ({ message }) => options.onProblem(message),
    });
    node.#source = source;
    await until("the node follows pods", () => source.isSynced);
    return node;
  }

  /** Ends all pods; their objects stay. */
  async close(): Promise<void> {
    await this.#source?.close();
    this.#logs.close();
    for (const pod of this.#running.values()) pod.stop();
  }

  #heldOf(kind: string): Map<string, unknown> {
    return kind === "Pod" ? this.#pods : this.#deployments;
  }

  #put(object: Deployment | Pod): void {
    const { namespace, name } = object.metadata;
    this.#heldOf(object.kind).set(`${namespace}/${name}`, object);
  }

  #logOf(url: string): string {
    const [, kind, namespace, pod, container] = url.split("?")[0]?.split("/") ?? [];
    const running = kind === "containerLogs" ? this.#running.get(`${namespace}/${pod}`) : undefined;
    return running?.log(container ?? "") ?? "";
  }

  /** One pass at a time; what changes meanwhile is looked at in the next. */
  #reconcileSoon(): void {
    this.#isDirty = true;
    if (this.#isWorking) return;
    this.#isWorking = true;
    void (async () => {
      while (this.#isDirty) {
        this.#isDirty = false;
        await this.#reconcile();
      }
      this.#isWorking = false;
    })();
  }

  async #reconcile(): Promise<void> {
    const wanted = [...this.#deployments.values()].flatMap(podsOf);
    const owners = new Set([...this.#deployments.values()].map(({ metadata }) => metadata.uid));
    const tasks = [
      ...wanted.filter((pod) => !this.#pods.has(keyOf(pod))).map((pod) => this.#create(pod)),
      ...[...this.#pods.values()].map((pod) =>
        isGoing(pod, owners) ? this.#delete(pod) : this.#run(pod),
      ),
      ...[...this.#deployments.values()].map((deployment) => this.#count(deployment)),
    ];
    for (const [key, pod] of this.#running) {
      if (this.#pods.get(key)?.metadata.uid !== pod.uid) this.#stop(key);
    }
    await Promise.all(tasks.map((task) => this.#reported(task)));
  }

  async #reported(task: Promise<void>): Promise<void> {
    try {
      await task;
    } catch (cause) {
      // Another one was faster: the watch says what there is now.
      if (isKubernetesError(cause) && (cause.status === 404 || cause.status === 409)) return;
      this.#options.onProblem(String(cause));
    }
  }

  async #create(pod: Pod): Promise<void> {
    const path = `/api/v1/namespaces/${pod.metadata.namespace}/pods`;
    await this.#options.client.request({ method: "POST", path, body: pod });
  }

  async #delete(pod: Pod): Promise<void> {
    this.#stop(keyOf(pod));
    const body = { apiVersion: "v1", kind: "DeleteOptions", gracePeriodSeconds: 0 };
    await this.#options.client.request({ method: "DELETE", path: pathOf(pod), body });
  }

  #stop(key: string): void {
    this.#running.get(key)?.stop();
    this.#running.delete(key);
  }

  async #run(pod: Pod): Promise<void> {
    const key = keyOf(pod);
    if (pod.spec.nodeName === undefined) return this.#bind(pod);
    if (pod.spec.nodeName !== nodeName || this.#running.has(key)) return;
    const running = this.#options.podFor(pod);
    this.#running.set(key, running);
    // A pod that is slow to listen holds up no other.
    void this.#reported(this.#sayReady(pod, running));
  }

  /** What the scheduler does with a pod of no Deployment. */
  async #bind(pod: Pod): Promise<void> {
    const { name, namespace } = pod.metadata;
    const body = {
      ...{ apiVersion: "v1", kind: "Binding", metadata: { name, namespace } },
      target: { apiVersion: "v1", kind: "Node", name: nodeName },
    };
    await this.#options.client.request({ method: "POST", path: `${pathOf(pod)}/binding`, body });
  }

  /** Says how many of a Deployment's pods are ready. */
  async #count(deployment: Deployment): Promise<void> {
    const { metadata, status: held } = deployment;
    const ofIt = [...this.#pods.values()].filter(
      (pod) => pod.metadata.ownerReferences?.[0]?.uid === metadata.uid,
    );
    const ready = ofIt.filter(({ status }) => status?.phase === "Running").length;
    if (held?.observedGeneration === metadata.generation && held?.readyReplicas === ready) return;
    const { length: replicas } = ofIt;
    const status = {
      ...{ observedGeneration: metadata.generation, replicas, updatedReplicas: replicas },
      ...{ readyReplicas: ready, availableReplicas: ready },
    };
    const path = `/apis/apps/v1/namespaces/${metadata.namespace}/deployments/${metadata.name}/status`;
    await this.#patch(path, status);
  }

  async #sayReady(pod: Pod, running: NodePod): Promise<void> {
    const address = await running.start();
    const { nodeAddress } = this.#options.network;
    const path = `${pathOf(pod)}/status`;
    await this.#patch(path, readyStatus(pod, { address, nodeAddress }));
    if (running.ended === undefined) return;
    await this.#patch(path, { phase: (await running.ended) ? "Succeeded" : "Failed" });
  }

  async #patch(path: string, status: object): Promise<void> {
    await this.#options.client.request({
      ...{ method: "PATCH", path, body: { status } },
      contentType: "application/merge-patch+json",
    });
  }
}

async function createNode(client: ApiClient, nodeAddress: string): Promise<void> {
  const body = { apiVersion: "v1", kind: "Node", metadata: { name: nodeName } };
  await client.request({ method: "POST", path: "/api/v1/nodes", body });
  const status = {
    addresses: [{ type: "InternalIP", address: nodeAddress }],
    conditions: [{ type: "Ready", status: "True" }],
    daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } },
  };
  await client.request({
    ...{ method: "PATCH", path: `/api/v1/nodes/${nodeName}/status`, body: { status } },
    contentType: "application/merge-patch+json",
  });
}

const keyOf = ({ metadata }: Pod): string => `${metadata.namespace}/${metadata.name}`;
const pathOf = ({ metadata }: Pod): string =>
  `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}`;

function isGoing({ metadata }: Pod, owners: ReadonlySet<string>): boolean {
  if (metadata.deletionTimestamp !== undefined) return true;
  const owner = metadata.ownerReferences?.[0];
  return owner !== undefined && !owners.has(owner.uid);
}

/** The suites take a Deployment's name from a pod's: all but the last two parts between dashes. */
function podsOf(deployment: Deployment): readonly Pod[] {
  const { metadata, spec } = deployment;
  if (metadata.deletionTimestamp !== undefined) return [];
  const { name, namespace, uid } = metadata;
  return Array.from({ length: spec.replicas ?? 1 }, (_, index) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: `${name}-${uid.slice(0, 8)}-${String(index).padStart(5, "0")}`,
      namespace,
      uid: "",
      ...spec.template.metadata,
      ownerReferences: [{ apiVersion: "apps/v1", kind: "Deployment", name, uid, controller: true }],
    },
    spec: { ...spec.template.spec, nodeName, terminationGracePeriodSeconds: 0 },
  }));
}

interface PodAddresses {
  readonly address: string;
  readonly nodeAddress: string;
}

function readyStatus({ spec }: Pod, { address, nodeAddress }: PodAddresses): object {
  const types = ["PodScheduled", "Initialized", "ContainersReady", "Ready"];
  const startedAt = new Date().toISOString();
  return {
    phase: "Running",
    hostIP: nodeAddress,
    podIP: address,
    podIPs: [{ ip: address }],
    conditions: types.map((type) => ({ type, status: "True" })),
    containerStatuses: spec.containers.map(({ name, image }) => ({
      ...{ name, image, imageID: image, ready: true, started: true, restartCount: 0 },
      state: { running: { startedAt } },
    })),
  };
}
