import type { Manifest } from "./manifests.ts";

/** By kind of the manifests, the name in paths. */
const plurals: Readonly<Record<string, string>> = {
  ClusterRole: "clusterroles",
  ClusterRoleBinding: "clusterrolebindings",
  ConfigMap: "configmaps",
  CustomResourceDefinition: "customresourcedefinitions",
  Deployment: "deployments",
  GatewayClass: "gatewayclasses",
  HorizontalPodAutoscaler: "horizontalpodautoscalers",
  Namespace: "namespaces",
  NetworkPolicy: "networkpolicies",
  PodDisruptionBudget: "poddisruptionbudgets",
  Role: "roles",
  RoleBinding: "rolebindings",
  Secret: "secrets",
  Service: "services",
  ServiceAccount: "serviceaccounts",
};

/** Throws Error for a kind that no manifest has. */
export function pluralOf(kind: string): string {
  const plural = plurals[kind];
  if (plural === undefined) throw new Error(`the name of ${kind} in paths is missing here`);
  return plural;
}

/** The path of one object. */
export function pathOf({ apiVersion, kind, metadata }: Manifest): string {
  const base = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const place = metadata.namespace === undefined ? "" : `/namespaces/${metadata.namespace}`;
  return `${base}${place}/${pluralOf(kind)}/${encodeURIComponent(metadata.name)}`;
}
