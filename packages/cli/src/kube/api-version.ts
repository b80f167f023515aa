import { type ApiClient, isKubernetesError, type JsonObject } from "@umbra/kubernetes";

const name = "gatewayclasses.gateway.networking.k8s.io";
const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`;
const annotation = "gateway.networking.k8s.io/bundle-version";

/** The version of the Gateway API that is installed, such as `v1.6.3`; or why it is not known, for people. */
export type ApiVersion = { readonly version?: string; readonly problem?: string };

/** Reads the installed version of the Gateway API. Never throws. */
export async function readApiVersion(client: ApiClient, signal: AbortSignal): Promise<ApiVersion> {
  try {
    const { metadata } = await client.request({ method: "GET", path, signal, timeoutMs: 5_000 });
    const version = ((metadata as JsonObject | undefined)?.annotations as JsonObject | undefined)?.[
      annotation
    ];
    return typeof version === "string" ? { version } : {};
  } catch (cause) {
    const { message } = cause as Error;
    const status = isKubernetesError(cause) ? cause.status : undefined;
    // Without the Gateway API there are no GatewayClasses either.
    if (status === 404) return {};
    return { problem: status === 403 ? `${missing}: ${rule} (${message})` : message };
  }
}

const missing =
  "the version of the Gateway API is not known, so GatewayClasses get no SupportedVersion; add this rule to a ClusterRole of Umbra's service account";
const rule = JSON.stringify({
  apiGroups: ["apiextensions.k8s.io"],
  resources: ["customresourcedefinitions"],
  resourceNames: [name],
  verbs: ["get"],
});
