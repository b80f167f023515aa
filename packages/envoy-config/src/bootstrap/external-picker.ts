import { defaultRemovedHeaders } from "../mirror-policy.ts";
import type { Pool, Topology } from "../topology.ts";
import { discoveryType, envoyAddress } from "./address.ts";
import { duration, type EnvoyObject, extension, typed } from "./envoy-object.ts";
import { externalPickerClusterName, streamMetadata } from "./names.ts";
import type { BootstrapOptions } from "./options.ts";
import { upstreamTls } from "./upstream-tls.ts";

export const externalPickFilter = "umbra.external-pick";

/** What the endpoint picker protocol puts into the request's metadata beside the header. */
export const pickMetadata = "envoy.lb";
/** There Envoy tells the picker which endpoint has served. */
export const servedKey = "x-gateway-destination-endpoint-served";

type PickedPool = Pool & { readonly externalPicker: NonNullable<Pool["externalPicker"]> };

/** Pools that another endpoint picker picks. */
export function externallyPicked({ pools }: Topology): readonly PickedPool[] {
  return pools.filter(isExternallyPicked);
}

function isExternallyPicked(pool: Pool): pool is PickedPool {
  return pool.externalPicker !== undefined;
}

/**
 * The filter that asks third-party endpoint pickers: bodies full duplex and trailers both ways, as they are written for.
 * Which of them it asks is said by each route. None where no pool has such a picker.
 */
export function externalPick(
  lane: "primary" | "shadow",
  topology: Topology,
  options: BootstrapOptions,
): readonly EnvoyObject[] {
  const [first] = externallyPicked(topology);
  if (first === undefined) return [];
  const filter = extension(
    externalPickFilter,
    "envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor",
    {
      stat_prefix: `external_pick_${lane}`,
      grpc_service: service(first),
      processing_mode: {
        request_header_mode: "SEND",
        request_body_mode: "FULL_DUPLEX_STREAMED",
        request_trailer_mode: "SEND",
        response_header_mode: "SEND",
        response_body_mode: "FULL_DUPLEX_STREAMED",
        response_trailer_mode: "SEND",
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
        disallowed_headers: {
          patterns: defaultRemovedHeaders.map((exact) => ({ exact })),
        },
      },
    },
  );
  return [{ ...filter, disabled: true }];
}

/** On a route or weighted cluster: asks the pool's picker. Empty for pools that Umbra picks. */
export function externalStreams(pool: Pool, options: BootstrapOptions): EnvoyObject {
  if (!isExternallyPicked(pool) || options.plainMirror) return {};
  const overrides = {
    grpc_service: service(pool),
    // Read where the picker is an Umbra somewhere else.
    grpc_initial_metadata: [{ key: streamMetadata.pool, value: pool.name }],
    failure_mode_allow: { value: pool.failureMode === "FailOpen" },
  };
  return {
    [externalPickFilter]: typed("envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute", {
      overrides,
    }),
  };
}

/** The clusters of these pickers. */
export function externalPickers(topology: Topology): readonly EnvoyObject[] {
  return externallyPicked(topology).map(({ name, externalPicker: { address, isTls, caFile } }) => ({
    name: externalPickerClusterName(name),
    type: discoveryType(address),
    connect_timeout: "1s",
    // Every running request holds a stream.
    circuit_breakers: {
      thresholds: [{ max_connections: 65_536, max_pending_requests: 65_536, max_requests: 65_536 }],
    },
    // Without an authority nothing is verified: pickers mostly serve a certificate that they have made themselves.
    ...(isTls
      ? { transport_socket: upstreamTls(address, caFile === undefined ? {} : { caFile }) }
      : {}),
    load_assignment: {
      cluster_name: externalPickerClusterName(name),
      endpoints: [{ lb_endpoints: [{ endpoint: { address: envoyAddress(address) } }] }],
    },
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        {
          explicit_http_config: {
            http2_protocol_options: { connection_keepalive: { interval: "2s", timeout: "2s" } },
          },
        },
      ),
    },
  }));
}

/** Without an authority Envoy takes the cluster's name, and a server resets a stream for the `/` in it. */
function service({ name, externalPicker }: PickedPool): EnvoyObject {
  return {
    envoy_grpc: {
      cluster_name: externalPickerClusterName(name),
      authority: externalPicker.address,
    },
  };
}
