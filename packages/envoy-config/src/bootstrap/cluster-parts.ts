import { discoveryType, envoyAddress } from "./address.ts";
import { because, type EnvoyObject, type EnvoyValue, typed } from "./envoy-object.ts";
import type { SidecarTls } from "./options.ts";
import { upstreamTls } from "./upstream-tls.ts";

/** Circuit breakers that let `maxRequests` requests run at once. */
export function breakers(maxRequests: number, reason: string): EnvoyObject {
  const limit = {
    max_connections: maxRequests,
    max_pending_requests: maxRequests,
    max_requests: because(reason, maxRequests),
    max_retries: Math.min(maxRequests, 1_024),
  };
  return { thresholds: [{ priority: "DEFAULT", ...limit }] };
}

/** Why a buffer on the way of a copy takes the largest body whole. */
export const shadowBuffer =
  "A whole body fits in: with less, a shadow that stops reading would stop the primary's upload too.";

/** The hosts of a cluster, by their addresses. */
export function loadAssignment(cluster: string, addresses: readonly EnvoyObject[]): EnvoyObject {
  const hosts = addresses.map((address) => ({ endpoint: { address } }));
  return { load_assignment: { cluster_name: cluster, endpoints: [{ lb_endpoints: hosts }] } };
}

/** How a cluster speaks HTTP. */
export function httpOptions(fields: EnvoyObject): EnvoyObject {
  const type = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
  return { typed_extension_protocol_options: { [type]: typed(type, fields) } };
}

export interface GrpcServer {
  /** `host:port` or `unix:/path`. */
  readonly address: string;
  /** Undefined: plaintext. */
  readonly tls: SidecarTls | undefined;
  readonly connectTimeout: string;
  /** Absent: Envoy's own limits. */
  readonly breakers?: EnvoyObject;
  /** How a connection is found out that is gone without a word. */
  readonly keepalive: EnvoyValue;
  /** Bytes that Envoy holds of one stream that the server has not taken; absent: Envoy's own. */
  readonly streamWindow?: EnvoyValue;
}

/** A gRPC server as a cluster. */
export function grpcCluster(name: string, server: GrpcServer): EnvoyObject {
  const { address, tls, connectTimeout, keepalive, streamWindow } = server;
  return {
    name,
    type: discoveryType(address),
    connect_timeout: connectTimeout,
    ...(server.breakers === undefined ? {} : { circuit_breakers: server.breakers }),
    ...(tls === undefined ? {} : { transport_socket: upstreamTls(address, tls) }),
    ...loadAssignment(name, [envoyAddress(address)]),
    ...httpOptions({
      explicit_http_config: {
        http2_protocol_options: {
          connection_keepalive: keepalive,
          ...(streamWindow === undefined ? {} : { initial_stream_window_size: streamWindow }),
        },
      },
    }),
  };
}
