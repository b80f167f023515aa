import { discoveryType, envoyAddress } from "./address.ts";
import { because, type EnvoyObject, type EnvoyValue, typed } from "./envoy-object.ts";
import type { SidecarTls } from "./options.ts";
import { upstreamTls } from "./upstream-tls.ts";

/** Circuit breakers that allow `maxRequests` concurrent requests. */
export function breakers(maxRequests: number, reason: string): EnvoyObject {
  const limit = {
    max_connections: maxRequests,
    max_pending_requests: maxRequests,
    max_requests: because(reason, maxRequests),
    max_retries: Math.min(maxRequests, 1_024),
  };
  return { thresholds: [{ priority: "DEFAULT", ...limit }] };
}

/** Gives the reason why a buffer on a twin's path must hold the largest body. */
export const shadowBuffer =
  "Holds a whole body: with a smaller buffer, a shadow that stops reading would also stop the primary's upload.";

/**
 * Lists the hosts of a cluster.
 *
 * @param draining hosts that get only what is sent to them by name, unless there is no other
 */
export function loadAssignment(
  cluster: string,
  addresses: readonly EnvoyObject[],
  draining: readonly EnvoyObject[] = [],
): EnvoyObject {
  const hosts = [
    ...addresses.map((address) => ({ endpoint: { address } })),
    ...draining.map((address) => ({ endpoint: { address }, health_status: "DRAINING" })),
  ];
  return { load_assignment: { cluster_name: cluster, endpoints: [{ lb_endpoints: hosts }] } };
}

/** HTTP options of a cluster. */
export function httpOptions(fields: EnvoyObject): EnvoyObject {
  const type = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
  return { typed_extension_protocol_options: { [type]: typed(type, fields) } };
}

export interface GrpcServer {
  /** `host:port` or `unix:/path`. */
  readonly address: string;
  /** Its instances, `ip:port`; absent: `address` alone. */
  readonly endpoints?: readonly string[];
  /** Undefined: plain text. */
  readonly tls: SidecarTls | undefined;
  readonly connectTimeout: string;
  /** Absent: Envoy's own limits. */
  readonly breakers?: EnvoyObject;
  /** Keepalive, to detect a dead connection. */
  readonly keepalive: EnvoyValue;
  /** Bytes of one stream that Envoy buffers until the server reads them; Envoy's default when absent. */
  readonly streamWindow?: EnvoyValue;
}

/** Creates a cluster for a gRPC server. */
export function grpcCluster(name: string, server: GrpcServer): EnvoyObject {
  const { address, endpoints = [address], tls, connectTimeout, keepalive, streamWindow } = server;
  return {
    name,
    type: server.endpoints === undefined ? discoveryType(address) : "STATIC",
    connect_timeout: connectTimeout,
    ...(server.breakers === undefined ? {} : { circuit_breakers: server.breakers }),
    ...(tls === undefined ? {} : { transport_socket: upstreamTls(address, tls) }),
    ...loadAssignment(name, endpoints.map(envoyAddress)),
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
