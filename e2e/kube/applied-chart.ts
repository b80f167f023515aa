import type { ApiClient, JsonObject, WatchedKind } from "@umbra/kubernetes";
import { followedKinds } from "../../packages/cli/src/kube/followed-kinds.ts";
import type { KubeObject } from "../chart/chart-files.ts";

/** Plural forms of the kinds in the chart's manifests. */
const plurals: Readonly<Record<string, string>> = {
  ClusterRole: "clusterroles",
  ClusterRoleBinding: "clusterrolebindings",
  ConfigMap: "configmaps",
  Deployment: "deployments",
  GatewayClass: "gatewayclasses",
  HorizontalPodAutoscaler: "horizontalpodautoscalers",
  NetworkPolicy: "networkpolicies",
  Pod: "pods",
  PodDisruptionBudget: "poddisruptionbudgets",
  PodMonitor: "podmonitors",
  PrometheusRule: "prometheusrules",
  Role: "roles",
  RoleBinding: "rolebindings",
  Service: "services",
  ServiceAccount: "serviceaccounts",
};

/** The path of the objects of an object's kind and namespace. */
function collectionOf({ apiVersion, kind, metadata }: KubeObject): string {
  const plural = plurals[kind];
  if (plural === undefined) throw new Error(`the plural of ${kind} is missing here`);
  const base = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const place = metadata.namespace === undefined ? "" : `/namespaces/${metadata.namespace}`;
  return `${base}${place}/${plural}`;
}

/** Creates an object, or only has it checked: unknown fields are refused. */
export async function apply(
  client: ApiClient,
  object: KubeObject,
  isTried: "dry-run" | "created",
): Promise<JsonObject> {
  return client.request({
    method: "POST",
    path: collectionOf(object),
    query: { fieldValidation: "Strict", ...(isTried === "dry-run" ? { dryRun: "All" } : {}) },
    body: object,
  });
}

export async function createNamespace(
  client: ApiClient,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<void> {
  const body = { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
  await client.request({ method: "POST", path: "/api/v1/namespaces", body });
}

const crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/** Defines the kinds that Umbra follows and whose projects publish no definition in a Go module, without their fields. */
export async function defineOthers(client: ApiClient): Promise<void> {
  const { items } = await client.request({ method: "GET", path: crds, maxBytes: 64 << 20 });
  const known = new Set(
    (items as unknown as readonly KubeObject[]).map(({ metadata: { name } }) => name),
  );
  const missing = new Map<string, WatchedKind[]>();
  for (const kind of followedKinds({ namespaces: "all", isRendering: true })) {
    const name = `${kind.plural}.${kind.group}`;
    if (!kind.group.includes(".") || kind.group === "discovery.k8s.io" || known.has(name)) continue;
    missing.set(name, [...(missing.get(name) ?? []), kind]);
  }
  for (const [name, kinds] of missing) {
    await client.request({ method: "POST", path: crds, body: definitionOf(name, kinds) });
  }
}

function definitionOf(name: string, kinds: readonly WatchedKind[]): object {
  const [{ group, plural, kind } = { group: "", plural: "", kind: "" }] = kinds;
  const schema = {
    openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
  };
  return {
    ...{ apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" },
    metadata: { name },
    spec: {
      group,
      scope: "Namespaced",
      names: { plural, singular: kind.toLowerCase(), kind },
      versions: kinds.map(({ version }, index) => ({
        ...{ name: version, served: true, storage: index === 0, schema },
      })),
    },
  };
}
