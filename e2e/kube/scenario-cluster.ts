import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ApiClient, JsonObject } from "@umbra/kubernetes";
import { parseAllDocuments } from "yaml";
import { type ModelServer, startModelServers, stopModelServers } from "../harness/model-servers.ts";
import { startControllers } from "./controllers.ts";
import { installDefinitions } from "./definitions.ts";
import { KubeServer } from "./kube-server.ts";

/** In a network of its own (scripts/test-kube.mjs), addresses of this network are this machine's; else empty. */
export const podNetwork: string = process.env.UMBRA_KUBE_PODS ?? "";

const folder = fileURLToPath(new URL("scenario", import.meta.url));
const files = ["gateway", "inference_app", "inference_rules", "sleep"];
export const primary = "vllm-llama2-7b-pool";
export const shadow = "vllm-llama2-7b-pool-1";

/** Without a node, a pod is in no EndpointSlice. */
const nodeName = "here";

export interface Scenario {
  readonly kube: KubeServer;
  readonly admin: ApiClient;
  /** Is given what has to be stopped after the test, in this order. */
  readonly onStarted: (stop: () => Promise<void>) => void;
}

/** A real API server with the reference scenario's files, applied as they are, and a node. */
export async function startScenario(onStarted: Scenario["onStarted"]): Promise<Scenario> {
  const kube = await KubeServer.start();
  onStarted(() => kube.close());
  const admin = kube.client();
  onStarted(() => admin.close());
  onStarted(startControllers(kube));
  await installDefinitions(admin);
  await admin.request({
    ...{ method: "POST", body: envoyProxies },
    path: "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
  });
  const objects = files.flatMap((name) =>
    parseAllDocuments(readFileSync(join(folder, `${name}.yaml`), "utf8")).map(
      (document) => document.toJS() as JsonObject,
    ),
  );
  for (const object of objects) await apply(admin, object);
  const node = { apiVersion: "v1", kind: "Node", metadata: { name: nodeName } };
  await admin.request({ method: "POST", path: "/api/v1/nodes", body: node });
  return { kube, admin, onStarted };
}

/** Envoy Gateway's own definition is not in a Go module of few parts; Umbra reads of it what it knows. */
const envoyProxies = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "envoyproxies.gateway.envoyproxy.io" },
  spec: {
    group: "gateway.envoyproxy.io",
    scope: "Namespaced",
    names: { plural: "envoyproxies", singular: "envoyproxy", kind: "EnvoyProxy" },
    versions: [
      {
        ...{ name: "v1alpha1", served: true, storage: true },
        schema: {
          openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
        },
      },
    ],
  },
};

const plurals: Readonly<Record<string, string>> = {
  GatewayClass: "gatewayclasses",
  EnvoyProxy: "envoyproxies",
};

/** Creates an object as `kubectl apply` does, in the namespace "default" if it names none. */
export async function apply(client: ApiClient, object: JsonObject): Promise<void> {
  const { apiVersion, kind } = object as { readonly apiVersion: string; readonly kind: string };
  const base = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const inside = kind === "GatewayClass" ? base : `${base}/namespaces/default`;
  const plural = plurals[kind] ?? `${kind.toLowerCase()}s`;
  await client.request({ method: "POST", path: `${inside}/${plural}`, body: object });
}

/** Two ready pods of a Deployment, with a simulated model server each. */
export async function startPods(
  { admin: client, onStarted }: Scenario,
  app: string,
  subnet: number,
): Promise<ModelServer[]> {
  const ips = [1, 2].map((host) => `${podNetwork}.${subnet}.${host}`);
  const started = await Promise.all(ips.map((host) => startModelServers(1, { host, port: 8_000 })));
  const servers = started.flat();
  onStarted(() => stopModelServers(servers));
  for (const [index, ip] of ips.entries()) await startPod(client, { app, index, ip });
  return servers;
}

/** What a kubelet does: a ready pod of a Deployment. */
export async function startPod(
  client: ApiClient,
  { app, index, ip }: { readonly app: string; readonly index: number; readonly ip: string },
): Promise<void> {
  const name = `${app}-${index}`;
  const ports = [{ containerPort: 8_000, name: "http", protocol: "TCP" }];
  await apply(client, {
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name, labels: { app } } },
    spec: { nodeName, containers: [{ name: "lora", image: "llama2", ports }] },
  });
  const status = {
    ...{ phase: "Running", podIP: ip, podIPs: [{ ip }] },
    conditions: [{ type: "Ready", status: "True" }],
  };
  await client.request({
    method: "PATCH",
    path: `/api/v1/namespaces/default/pods/${name}/status`,
    body: { status },
    contentType: "application/merge-patch+json",
  });
}
