import { defined } from "@umbra/shadow/defined";
import { defaultRemovedHeaders } from "../mirror-policy.ts";
import type { Pool, Topology } from "../topology.ts";
import { grpcCluster } from "./cluster-parts.ts";
import { duration, type EnvoyObject } from "./envoy-object.ts";
import { extProcFilter, extProcOverrides, type Lane, processingModes } from "./ext-proc-filter.ts";
import { externalPickerClusterName, pickerCluster, streamMetadata } from "./names.ts";
import type { BootstrapOptions } from "./options.ts";
import { sidecarCall } from "./sidecar-call.ts";

export const externalPickFilter = "umbra.external-pick";

/** Request metadata of the endpoint picker protocol, in addition to the header. */
export const pickMetadata = "envoy.lb";
/** The metadata key in which Envoy reports the endpoint that served. */
export const servedKey = "x-gateway-destination-endpoint-served";

type PickedPool = Pool & { readonly externalPicker: NonNullable<Pool["externalPicker"]> };

/** True if a third-party endpoint picker picks. */
function isExternallyPicked(pool: Pool): pool is PickedPool {
  return pool.externalPicker !== undefined;
}

/**
 * Creates the filter that asks third-party endpoint pickers, in the mode they expect: full-duplex bodies and trailers
 * in both directions. Each route selects its picker. Empty if no pool has one, unless every filter is there.
 */
export function externalPick(
  lane: Lane,
  topology: Topology,
  options: BootstrapOptions,
): readonly EnvoyObject[] {
  const [first] = topology.pools.filter(isExternallyPicked);
  if (first === undefined && !options.hasEveryFilter) return [];
  return [
    extProcFilter(externalPickFilter, {
      stat_prefix: `external_pick_${lane}`,
      // Until a route selects one, any cluster will do.
      grpc_service:
        first === undefined ? { envoy_grpc: sidecarCall(pickerCluster) } : service(first),
      processing_mode: {
        ...processingModes.duplex,
        response_header_mode: "SEND",
        response_body_mode: "FULL_DUPLEX_STREAMED",
      },
      // The picker may queue requests.
      message_timeout: duration(options.maxQueueMs),
      status_on_error: { code: "ServiceUnavailable" },
      metadata_options: {
        forwarding_namespaces: { untyped: [pickMetadata] },
        receiving_namespaces: { untyped: [pickMetadata] },
      },
      // Credentials are only for the model server.
      forward_rules: {
        disallowed_headers: { patterns: defaultRemovedHeaders.map((exact) => ({ exact })) },
      },
    }),
  ];
}

/** Per-route or per-cluster settings that select the pool's picker. Empty for pools in which Umbra picks. */
export function externalStreams(pool: Pool, options: BootstrapOptions): EnvoyObject {
  if (!isExternallyPicked(pool) || options.plainMirror) return {};
  return {
    [externalPickFilter]: extProcOverrides({
      grpc_service: service(pool),
      // Used if the picker is another Umbra.
      grpc_initial_metadata: [{ key: streamMetadata.pool, value: pool.name }],
      failure_mode_allow: pool.failureMode === "FailOpen",
    }),
  };
}

/** Creates the clusters of third-party pickers. */
export function externalPickers(topology: Topology): readonly EnvoyObject[] {
  // Every running request has a stream.
  const limits = { max_connections: 65_536, max_pending_requests: 65_536, max_requests: 65_536 };
  return topology.pools
    .filter(isExternallyPicked)
    .map(({ name, externalPicker: { address, endpoints, isTls, caFile } }) =>
      grpcCluster(externalPickerClusterName(name), {
        address,
        ...defined({ endpoints }),
        // Without a CA, nothing is verified: pickers usually have a self-signed certificate.
        tls: isTls ? defined({ caFile }) : undefined,
        connectTimeout: "1s",
        breakers: { thresholds: [limits] },
        keepalive: { interval: "2s", timeout: "2s" },
      }),
    );
}

/** Without an authority, Envoy sends the cluster's name, and servers reset the stream because of its `/`. */
function service({ name, externalPicker: { address } }: PickedPool): EnvoyObject {
  return { envoy_grpc: { cluster_name: externalPickerClusterName(name), authority: address } };
}
