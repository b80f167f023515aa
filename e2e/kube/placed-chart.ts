import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ApiClient } from "@umbra/kubernetes";
import { parse } from "yaml";
import { caseNamed, type KubeObject, objectsOf } from "../chart/chart-files.ts";
import { localText } from "../chart/local-text.ts";
import { podOf } from "../chart/pod.ts";
import { type Right, withoutRights } from "../chart/rights.ts";
import { freePorts } from "../harness/ports.ts";
import { type Running, startUmbra } from "../harness/processes.ts";
import { apply, createNamespace } from "./applied-chart.ts";
import type { KubeServer } from "./kube-server.ts";

export interface PlacedChartOptions {
  readonly kube: KubeServer;
  readonly admin: ApiClient;
  /** A folder of `e2e/chart/cases`. */
  readonly chartCase: string;
  /** New, and also what names the objects that have no namespace. */
  readonly namespace: string;
  /** Rights that are left out of its Roles. */
  readonly isLeftOut?: (right: Right) => boolean;
}

/** A process of the chart's pods, with their identity, their rights and their arguments. */
export interface PlacedChart {
  readonly running: Running;
  /** `host:port` of what probes ask. */
  readonly probes: string;
}

/** Puts one form of the chart, and objects to serve, in a namespace, and starts `umbra` there. */
export async function startPlacedChart(options: PlacedChartOptions): Promise<PlacedChart> {
  const { kube, admin, chartCase, namespace, isLeftOut = () => false } = options;
  await createNamespace(admin, namespace);
  const objects = placedIn(namespace, objectsOf(caseNamed(chartCase)));
  for (const object of objects) {
    if (object.kind === "ServiceAccount" || /^(?:Cluster)?RoleBinding$/.test(object.kind)) {
      await apply(admin, object, "created");
    }
  }
  for (const role of objects.filter(({ kind }) => /^(?:Cluster)?Role$/.test(kind))) {
    await apply(admin, withoutRights(role, isLeftOut), "created");
  }
  await createScenario(admin, namespace);
  const { containers } = podOf(objects);
  const umbra = containers.find(({ name }) => name === "umbra");
  const [grpc = 0, adminPort = 0, probes = 0, peers = 0, stats = 0] = await freePorts(5);
  const secret = join(kube.folder, `${namespace}.secret`);
  writeFileSync(secret, randomBytes(32).toString("base64"));
  const ports = { admin: adminPort, probes, stats, grpc, peers };
  const places = { ports, sockets: `${kube.folder}/${namespace}-`, secret };
  const here = (text: string) =>
    localText(text, places).replace(/^--peers-service=umbra\//, `--peers-service=${namespace}/`);
  const isGateway = (umbra?.args ?? []).some((each) => each.startsWith("--ads="));
  const running = startUmbra(
    ...(umbra?.args ?? []).map(here),
    `--kubeconfig=${await kubeconfigIn(kube, admin, namespace)}`,
    ...(isGateway ? [`--gateway-class=${namespace}`, "--bind=127.0.0.1"] : []),
  );
  return { running, probes: `127.0.0.1:${probes}` };
}

/** The objects of a manifest in another namespace; those without one are named after it. */
function placedIn(namespace: string, objects: readonly KubeObject[]): readonly KubeObject[] {
  return objects.map((object) => {
    const { metadata, roleRef, subjects, ...rest } = object;
    const ref = roleRef as { readonly kind: string; readonly name: string } | undefined;
    const named = (kind: string, name: string) =>
      kind.startsWith("ClusterRole") ? `${namespace}.${name}` : name;
    return {
      ...rest,
      metadata: {
        ...metadata,
        name: named(object.kind, metadata.name),
        ...(metadata.namespace === undefined ? {} : { namespace }),
      },
      ...(ref === undefined ? {} : { roleRef: { ...ref, name: named(ref.kind, ref.name) } }),
      ...(subjects === undefined
        ? {}
        : { subjects: (subjects as readonly object[]).map((each) => ({ ...each, namespace })) }),
    };
  });
}

/** A kubeconfig with the identity of the chart's pods; the Lease is in their namespace. */
async function kubeconfigIn(
  kube: KubeServer,
  admin: ApiClient,
  namespace: string,
): Promise<string> {
  const { status } = await admin.request({
    method: "POST",
    path: `/api/v1/namespaces/${namespace}/serviceaccounts/umbra/token`,
    body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} },
  });
  const config = JSON.parse(readFileSync(kube.kubeconfig("watcher"), "utf8")) as {
    users: { user: object }[];
    contexts: { context: object }[];
  };
  const { token } = status as { readonly token: string };
  const file = join(kube.folder, `${namespace}.kubeconfig`);
  const users = config.users.map((each) => ({ ...each, user: { token } }));
  const contexts = config.contexts.map((each) => ({
    ...each,
    context: { ...each.context, namespace },
  }));
  writeFileSync(file, JSON.stringify({ ...config, users, contexts }), { mode: 0o600 });
  return file;
}

/** An object of each kind that gets a status. */
async function createScenario(admin: ApiClient, namespace: string): Promise<void> {
  const inside = (group: string, plural: string) =>
    `/apis/${group}/namespaces/${namespace}/${plural}`;
  const put = (path: string, text: string) =>
    admin.request({ method: "POST", path, body: parse(text) as object });
  const api = "gateway.networking.k8s.io/v1";
  const pools = "inference.networking.k8s.io/v1";
  await put(
    `/apis/${api}/gatewayclasses`,
    `{ apiVersion: ${api}, kind: GatewayClass, metadata: { name: ${namespace} }, spec: { controllerName: umbra.dev/gateway } }`,
  );
  await put(
    inside(api, "gateways"),
    `{ apiVersion: ${api}, kind: Gateway, metadata: { name: gw }, spec: { gatewayClassName: ${namespace}, listeners: [{ name: http, port: 8080, protocol: HTTP }] } }`,
  );
  await put(
    inside(pools, "inferencepools"),
    `{ apiVersion: ${pools}, kind: InferencePool, metadata: { name: llama }, spec: { selector: { matchLabels: { app: llama } }, targetPorts: [{ number: 8000 }] } }`,
  );
  await put(
    inside(api, "httproutes"),
    `{ apiVersion: ${api}, kind: HTTPRoute, metadata: { name: chat }, spec: { parentRefs: [{ name: gw }], rules: [{ backendRefs: [{ group: inference.networking.k8s.io, kind: InferencePool, name: llama }] }] } }`,
  );
  await put(
    inside("umbra.dev/v1alpha1", "shadowpolicies"),
    "{ apiVersion: umbra.dev/v1alpha1, kind: ShadowPolicy, metadata: { name: p }, spec: { targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: chat }] } }",
  );
}
