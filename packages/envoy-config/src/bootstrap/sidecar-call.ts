import { because, type EnvoyObject } from "./envoy-object.ts";

/** How Envoy calls the sidecar, in the field `envoy_grpc`. */
export function sidecarCall(cluster: string): EnvoyObject {
  return {
    cluster_name: cluster,
    skip_envoy_headers: because(
      "The sidecar reads neither x-envoy-internal nor x-forwarded-for, which each call would carry.",
      true,
    ),
  };
}
