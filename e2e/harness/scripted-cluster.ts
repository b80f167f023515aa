import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { ScriptedApiServer } from "../../testing/api-server/scripted-api-server.ts";
import type { StoredKind, StoredObject } from "../../testing/api-server/scripted-store.ts";
import { writeSelfSigned } from "./self-signed.ts";

const token = "a-token";
const kind = (group: string, plural: string, name: string): StoredKind => ({
  ...{ group, version: "v1", plural, kind: name },
  isNamespaced: true,
});
export const kinds = {
  classes: {
    ...kind("gateway.networking.k8s.io", "gatewayclasses", "GatewayClass"),
    isNamespaced: false,
  },
  gateways: kind("gateway.networking.k8s.io", "gateways", "Gateway"),
  routes: kind("gateway.networking.k8s.io", "httproutes", "HTTPRoute"),
  pools: kind("inference.networking.k8s.io", "inferencepools", "InferencePool"),
  pods: kind("", "pods", "Pod"),
};

/** An object, from YAML. */
export function json(text: string): StoredObject {
  return parse(text) as StoredObject;
}

/** A route of the Gateway to the pool. Requests with this header match. */
export function route(value: string): StoredObject {
  return json(`
metadata: { name: chat, namespace: inference }
spec:
  parentRefs: [{ name: gw }]
  rules:
    - matches: [{ headers: [{ name: x-route, value: ${value} }] }]
      backendRefs: [{ group: inference.networking.k8s.io, kind: InferencePool, name: llama }]
`);
}

/** A ready pod of the pool, on 127.0.0.1. */
export function pod(name: string): StoredObject {
  return json(`
metadata: { name: ${name}, namespace: inference, labels: { app: llama } }
spec: { containers: [{ name: vllm }] }
status: { phase: Running, podIP: 127.0.0.1, podIPs: [{ ip: 127.0.0.1 }], conditions: [{ type: Ready, status: "True" }] }
`);
}

/** Where the objects' ports are. */
export interface ClusterPorts {
  /** Of the Gateway. */
  readonly httpPort: number;
  /** Of the pods, which are on 127.0.0.1. */
  readonly modelPort: number | string | undefined;
}

export interface ScriptedCluster {
  readonly api: ScriptedApiServer;
  /** The file. Its context's namespace is that of all objects: inference. */
  readonly kubeconfig: string;
}

/** Starts a scripted API server with TLS that has a Gateway of Umbra, a route, a pool and a pod. */
export async function startScriptedCluster(
  folder: string,
  { httpPort, modelPort }: ClusterPorts,
): Promise<ScriptedCluster> {
  await writeSelfSigned(folder, ["api"]);
  const file = (name: string) => join(folder, name);
  const [cert, key] = [readFileSync(file("api.pem")), readFileSync(file("api.key"))];
  const api = new ScriptedApiServer({ tls: { cert, key }, token });
  await api.start();
  api
    .install(kinds.classes)
    .put(json("{ metadata: { name: umbra }, spec: { controllerName: umbra.dev/gateway } }"));
  api.install(kinds.gateways).put(
    json(`
metadata: { name: gw, namespace: inference }
spec: { gatewayClassName: umbra, listeners: [{ name: http, port: ${httpPort}, protocol: HTTP }] }
`),
  );
  api.install(kinds.pools).put(
    json(`
metadata: { name: llama, namespace: inference }
spec:
  selector: { matchLabels: { app: llama } }
  targetPorts: [{ number: ${modelPort} }]
  endpointPickerRef: { name: umbra, port: { number: 9002 } }
`),
  );
  api.install(kinds.routes).put(route("first"));
  api.install(kinds.pods).put(pod("llama-0"));
  writeFileSync(join(folder, "token"), `${token}\n`);
  const config = {
    "current-context": "here",
    clusters: [{ name: "c", cluster: { server: api.url, "certificate-authority": "api.pem" } }],
    users: [{ name: "u", user: { tokenFile: "token" } }],
    contexts: [{ name: "here", context: { cluster: "c", user: "u", namespace: "inference" } }],
  };
  const kubeconfig = join(folder, "kubeconfig");
  writeFileSync(kubeconfig, JSON.stringify(config));
  return { api, kubeconfig };
}
