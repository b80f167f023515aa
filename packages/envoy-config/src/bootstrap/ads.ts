import { grpcCluster } from "./cluster-parts.ts";
import { because, duration, type EnvoyObject } from "./envoy-object.ts";
import type { SidecarTls } from "./options.ts";

/** Where a resource refers to another one: it comes by the same stream. */
export const fromAds = { ads: {}, resource_api_version: "V3" } as const;

/** The cluster of the sidecar as the source of the configuration. */
export const adsClusterName = "umbra-ads";

/** How Envoy asks for resources. */
export type AdsProtocol = "GRPC" | "DELTA_GRPC";

/**
 * Everything comes by one stream, in the order in which the sidecar sends it.
 *
 * @param retryWithinMs longest pause between two tries to reach the sidecar
 */
export function dynamicResources(protocol: AdsProtocol, retryWithinMs: number): EnvoyObject {
  return {
    ads_config: {
      api_type: protocol,
      transport_api_version: "V3",
      grpc_services: [
        {
          envoy_grpc: {
            cluster_name: adsClusterName,
            retry_policy: {
              retry_back_off: because(
                "A sidecar that is back is found soon; Envoy's own back-off grows to 30 s.",
                { base_interval: "0.1s", max_interval: duration(retryWithinMs) },
              ),
            },
          },
        },
      ],
    },
    cds_config: fromAds,
    lds_config: fromAds,
  };
}

/**
 * The sidecar as the source of the configuration. It has no health check and no outlier detection: the sidecar is not
 * serving before it has read metrics, and Envoy needs its configuration before that.
 *
 * @throws RangeError for a network address without certificates on both sides.
 */
export function adsCluster(address: string, tls: SidecarTls | undefined): EnvoyObject {
  if (!address.startsWith("unix:/") && !isMutual(tls)) {
    throw new RangeError(
      `ADS address ${JSON.stringify(address)}: SDS hands out private keys, and who answers controls Envoy; use "unix:/path", or give the CA of the sidecar's certificate, and Envoy's own certificate and key`,
    );
  }
  return grpcCluster(adsClusterName, {
    address,
    tls,
    connectTimeout: "0.25s",
    keepalive: because("A connection to a sidecar that is gone without a word is found out.", {
      interval: "10s",
      timeout: "10s",
    }),
  });
}

/** True if both sides show a certificate that the other one verifies. */
function isMutual(tls: SidecarTls | undefined): boolean {
  return [tls?.caFile, tls?.certFile, tls?.keyFile].every((file) => file !== undefined);
}
