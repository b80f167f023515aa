import { defined } from "@umbra/shadow/defined";
import { defaultRemovedHeaders } from "../mirror-policy.ts";
import type { Pool, Topology } from "../topology.ts";
import { grpcCluster } from "./cluster-parts.ts";
import { duration, type EnvoyObject } from "./envoy-object.ts";
import { extProcFilter, extProcOverrides, type Lane, processingModes } from "./ext-proc-filter.ts";
import { externalPickerClusterName, streamMetadata } from "./names.ts";
import type { BootstrapOptions } from "./options.ts";

export const externalPickFilter = "umbra.external-pick";

/** What the endpoint picker protocol puts into the request's metadata beside the header. */
export const pickMetadata = "envoy.lb";
/** There Envoy tells the picker which endpoint has served. */
export const servedKey = "x-gateway-destination-endpoint-served";

type PickedPool = Pool & { readonly externalPicker: NonNullable<Pool["externalPicker"]> };

/** Whether another endpoint picker picks. */
function isExternallyPicked(pool: Pool): pool is PickedPool {
  return pool.externalPicker !== undefined;
}

/**
 * The filter that asks third-party endpoint pickers: bodies full duplex and trailers both ways, as they are written for.
 * Which of them it asks is said by each route. None where no pool has such a picker.
 */
export function externalPick(
  lane: Lane,
  topology: Topology,
  options: BootstrapOptions,
): readonly EnvoyObject[] {
  const [first] = topology.pools.filter(isExternallyPicked);
  if (first === undefined) return [];
  return [
    extProcFilter(externalPickFilter, {
      stat_prefix: `external_pick_${lane}`,
      grpc_service: service(first),
      processing_mode: {
        ...processingModes.duplex,
        response_header_mode: "SEND",
        response_body_mode: "FULL_DUPLEX_STREAMED",
      },
      // It may let requests wait for their turn.
      message_timeout: duration(options.maxQueueMs),
      status_on_error: { code: "ServiceUnavailable" },
      metadata_options: {
        forwarding_namespaces: { untyped: [pickMetadata] },
        receiving_namespaces: { untyped: [pickMetadata] },
      },
      // Credentials are for the model server, if for anyone.
      forward_rules: {
        disallowed_headers: { patterns: defaultRemovedHeaders.map((exact) => ({ exact })) },
      },
    }),
  ];
}

/** On a route or weighted cluster: asks the pool's picker. Empty for pools that Umbra picks. */
export function externalStreams(pool: Pool, options: BootstrapOptions): EnvoyObject {
  if (!isExternallyPicked(pool) || options.plainMirror) return {};
  return {
    [externalPickFilter]: extProcOverrides({
      grpc_service: service(pool),
      // Read where the picker is an Umbra somewhere else.
      grpc_initial_metadata: [{ key: streamMetadata.pool, value: pool.name }],
      failure_mode_allow: pool.failureMode === "FailOpen",
    }),
  };
}

/** The clusters of these pickers. */
export function externalPickers(topology: Topology): readonly EnvoyObject[] {
  // Every running request holds a stream.
  const limits = { max_connections: 65_536, max_pending_requests: 65_536, max_requests: 65_536 };
  return topology.pools
    .filter(isExternallyPicked)
    .map(({ name, externalPicker: { address, isTls, caFile } }) =>
      grpcCluster(externalPickerClusterName(name), {
        address,
        // Without an authority nothing is verified: pickers mostly serve a certificate that they have made themselves.
        tls: isTls ? defined({ caFile }) : undefined,
        connectTimeout: "1s",
        breakers: { thresholds: [limits] },
        keepalive: { interval: "2s", timeout: "2s" },
      }),
    );
}

/** Without an authority Envoy takes the cluster's name, and a server resets a stream for the `/` in it. */
function service({ name, externalPicker: { address } }: PickedPool): EnvoyObject {
  return { envoy_grpc: { cluster_name: externalPickerClusterName(name), authority: address } };
}
