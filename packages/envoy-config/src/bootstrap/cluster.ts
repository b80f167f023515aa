import type { Mirror, Pool, Topology } from "../topology.ts";
import { envoyAddress } from "./address.ts";
import { breakers } from "./breakers.ts";
import { duration, type EnvoyObject, extension, typed } from "./envoy-object.ts";
import {
  destinationHeader,
  laneClusterName,
  primaryClusterName,
  shadowClusterName,
  shadowLaneListener,
  unresolvedCluster,
} from "./names.ts";
import type { BootstrapOptions } from "./options.ts";
import { observer, picker } from "./sidecar-cluster.ts";

/** Every cluster of the bootstrap: pools, mirrors, the sidecar's two. */
export function clusters(
  topology: Topology,
  mirrors: readonly Mirror[],
  options: BootstrapOptions,
): readonly EnvoyObject[] {
  const used = primaryPools(topology);
  const pools = new Map(topology.pools.map((pool) => [pool.name, pool]));
  const shadows = mirrors.flatMap((mirror) => {
    const pool = pools.get(mirror.pool);
    if (pool === undefined) return [];
    const shadow = shadowCluster(mirror, pool, options);
    return options.plainMirror ? [shadow] : [laneCluster(mirror, options), shadow];
  });
  return [
    ...topology.pools.filter(({ name }) => used.has(name)).map(primaryCluster),
    ...(used.has(unresolvedCluster) ? [{ name: unresolvedCluster, type: "STATIC" }] : []),
    ...shadows,
    ...(options.plainMirror ? [] : [picker(options)]),
    ...(options.observe && !options.plainMirror ? [observer(options)] : []),
  ];
}

/** Names of the pools that routes forward to; `unresolved` stands for backends that resolve to none. */
function primaryPools({ listeners }: Topology): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { virtualHosts } of listeners) {
    for (const { action } of virtualHosts.flatMap(({ routes }) => routes)) {
      if (action.kind !== "forward") continue;
      for (const backend of action.backends) {
        names.add(backend.kind === "pool" ? backend.pool : unresolvedCluster);
      }
    }
  }
  return names;
}

function primaryCluster(pool: Pool): EnvoyObject {
  return {
    name: primaryClusterName(pool.name),
    connect_timeout: "1s",
    circuit_breakers: breakers(65_536),
    ...hosts(primaryClusterName(pool.name), pool),
    ...http(pool.protocol),
  };
}

/** The cluster of a mirror's endpoints. A stalled endpoint must never hold the primary's body back. */
function shadowCluster(mirror: Mirror, pool: Pool, options: BootstrapOptions): EnvoyObject {
  return {
    name: shadowClusterName(mirror.name),
    connect_timeout: "1s",
    per_connection_buffer_limit_bytes: options.maxBodyBytes,
    circuit_breakers: breakers(mostRequests(mirror, options)),
    ...hosts(shadowClusterName(mirror.name), pool),
    ...http(pool.protocol, mirror.policy?.budget.requestTimeoutMs ?? options.shadowTimeoutMs),
  };
}

/** The way into the shadow lane. Its buffer takes the largest body whole when the lane stalls. */
function laneCluster(mirror: Mirror, options: BootstrapOptions): EnvoyObject {
  const { name } = mirror;
  const cluster = laneClusterName(name);
  const address = {
    envoy_internal_address: { server_listener_name: shadowLaneListener, endpoint_id: name },
  };
  return {
    name: cluster,
    type: "STATIC",
    connect_timeout: "1s",
    per_connection_buffer_limit_bytes: options.maxBodyBytes,
    circuit_breakers: breakers(mostRequests(mirror, options)),
    transport_socket: extension(
      "envoy.transport_sockets.internal_upstream",
      "envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport",
      {
        transport_socket: extension(
          "envoy.transport_sockets.raw_buffer",
          "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer",
        ),
      },
    ),
    load_assignment: {
      cluster_name: cluster,
      endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }],
    },
    ...http("http1", mirror.policy?.budget.requestTimeoutMs ?? options.shadowTimeoutMs),
  };
}

/**
 * Envoy's own limit stands behind the policy's, with room: a copy that Envoy drops is one that nobody is told of, and a
 * request that has just ended counts here a moment longer.
 */
function mostRequests({ policy }: Mirror, { maxShadowRequests }: BootstrapOptions): number {
  return Math.max(maxShadowRequests, 2 * (policy?.budget.maxInFlight ?? 0));
}

function hosts(cluster: string, { endpoints, dns, picker }: Pool): EnvoyObject {
  const addresses = dns === undefined ? endpoints : [`${dns.hostname}:${dns.port}`];
  const isPicked = dns === undefined && picker === "umbra";
  return {
    type: dns === undefined ? "STATIC" : "STRICT_DNS",
    load_balancing_policy: { policies: [isPicked ? overrideHost : leastRequest] },
    load_assignment: {
      cluster_name: cluster,
      endpoints: [
        { lb_endpoints: addresses.map((each) => ({ endpoint: { address: envoyAddress(each) } })) },
      ],
    },
  };
}

const leastRequest: EnvoyObject = {
  typed_extension_config: extension(
    "envoy.load_balancing_policies.least_request",
    "envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest",
  ),
};

/** Takes the picked endpoint, and only if it is a member; without a pick Envoy balances itself. */
const overrideHost: EnvoyObject = {
  typed_extension_config: extension(
    "envoy.load_balancing_policies.override_host",
    "envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost",
    {
      override_host_sources: [{ header: destinationHeader }],
      fallback_policy: { policies: [leastRequest] },
    },
  ),
};

function http(protocol: Pool["protocol"], maxStreamMs?: number): EnvoyObject {
  return {
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        {
          common_http_protocol_options: {
            // vLLM's HTTP server closes a connection after 5 idle seconds: be the first to.
            idle_timeout: "4s",
            ...(maxStreamMs === undefined ? {} : { max_stream_duration: duration(maxStreamMs) }),
          },
          explicit_http_config:
            protocol === "h2c" ? { http2_protocol_options: {} } : { http_protocol_options: {} },
        },
      ),
    },
  };
}
