import { existsSync, readFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import { join } from "node:path";
import { KubernetesError } from "../api/kubernetes-error.ts";
import type { ClusterConfig } from "./cluster-config.ts";

/** Where Kubernetes puts a pod's identity. */
const serviceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Whether this process runs in a pod with a service account. */
export function isInCluster(
  environment: Readonly<Record<string, string | undefined>>,
  folder: string = serviceAccountFolder,
): boolean {
  return (environment.KUBERNETES_SERVICE_HOST ?? "") !== "" && existsSync(join(folder, "token"));
}

/**
 * The pod's own identity. Its token is read again every minute, as Kubernetes replaces it.
 *
 * @throws KubernetesError INVALID_CONFIG
 */
export function readInCluster(
  environment: Readonly<Record<string, string | undefined>>,
  folder: string = serviceAccountFolder,
): ClusterConfig {
  const host = environment.KUBERNETES_SERVICE_HOST ?? "";
  const port = environment.KUBERNETES_SERVICE_PORT ?? "443";
  if (host === "") {
    throw new KubernetesError(
      "INVALID_CONFIG",
      "KUBERNETES_SERVICE_HOST is not set: this is no pod; give a kubeconfig",
    );
  }
  const namespaceFile = join(folder, "namespace");
  const namespace = existsSync(namespaceFile) ? readFileSync(namespaceFile, "utf8").trim() : "";
  return {
    cluster: {
      name: "in-cluster",
      server: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
      caFile: join(folder, "ca.crt"),
      skipTLSVerify: false,
    },
    user: {
      name: "service-account",
      authProvider: { name: "tokenFile", config: { tokenFile: join(folder, "token") } },
    },
    ...(namespace === "" ? {} : { namespace }),
  };
}
