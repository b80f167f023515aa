import { reasonOf } from "../envoy-settings.ts";
import { allPrimaryPools, backendsOf, isRendered, poolsByName, routesOf } from "../queries.ts";
import type { Mirror, Pool, Topology } from "../topology.ts";
import { envoyAddress } from "./address.ts";
import { breakers, shadowBuffer } from "./cluster-limits.ts";
import { endpointTls } from "./endpoint-tls.ts";
import { because, duration, type EnvoyObject, extension, typed } from "./envoy-object.ts";
import { externalPickers, pickMetadata, servedKey } from "./external-picker.ts";
import {
  destinationHeader,
  laneClusterName,
  primaryClusterName,
  shadowClusterName,
  shadowLaneListener,
  unresolvedCluster,
} from "./names.ts";
import type { BootstrapOptions } from "./options.ts";
import { setting, timeSetting } from "./setting.ts";
import { observer, picker } from "./sidecar-cluster.ts";
import { adminCluster, statName } from "./stats.ts";

/** Every cluster of the bootstrap: pools, mirrors, the sidecar's two. */
export function clusters(topology: Topology, options: BootstrapOptions): readonly EnvoyObject[] {
  const used = allPrimaryPools(topology);
  const hasUnresolved = routesOf(topology)
    .flatMap(backendsOf)
    .some(({ kind }) => kind === "invalid");
  const pools = poolsByName(topology);
  const shadows = topology.mirrors.filter(isRendered).flatMap((mirror) => {
    const pool = pools.get(mirror.pool);
    if (pool === undefined) return [];
    const shadow = shadowCluster(mirror, pool, options);
    return options.plainMirror ? [shadow] : [laneCluster(mirror, options), shadow];
  });
  return [
    ...topology.pools
      .filter(({ name }) => used.has(name))
      .map((pool) => primaryCluster(pool, options)),
    ...(hasUnresolved ? [{ name: unresolvedCluster, type: "STATIC" }] : []),
    ...shadows,
    ...(options.plainMirror ? [] : [picker(options), ...externalPickers(topology)]),
    ...(options.plainMirror ? [] : [observer(options)]),
    ...(options.statsListener === undefined ? [] : [adminCluster(options)]),
  ];
}

function primaryCluster(pool: Pool, options: BootstrapOptions): EnvoyObject {
  return {
    ...named(primaryClusterName(pool.name)),
    connect_timeout: timeSetting(options, "connectTimeoutMs"),
    per_connection_buffer_limit_bytes: setting(options, "endpointBufferBytes"),
    circuit_breakers: breakers(options.maxRequests, reasonOf("maxRequests")),
    upstream_connection_options: aliveConnections,
    ...hosts(primaryClusterName(pool.name), pool),
    ...endpointTls(pool, options),
    ...http(pool.protocol, options),
  };
}

/** The cluster of a mirror's endpoints. A stalled endpoint must never hold the primary's body back. */
function shadowCluster(mirror: Mirror, pool: Pool, options: BootstrapOptions): EnvoyObject {
  return {
    ...named(shadowClusterName(mirror.name)),
    connect_timeout: timeSetting(options, "connectTimeoutMs"),
    per_connection_buffer_limit_bytes: because(shadowBuffer, options.maxBodyBytes),
    circuit_breakers: breakers(mostRequests(mirror, options), reasonOf("maxShadowRequests")),
    upstream_connection_options: aliveConnections,
    ...hosts(shadowClusterName(mirror.name), pool),
    ...endpointTls(pool, options),
    ...http(pool.protocol, options, mirror.requestTimeoutMs),
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
    ...named(cluster),
    type: "STATIC",
    connect_timeout: timeSetting(options, "connectTimeoutMs"),
    per_connection_buffer_limit_bytes: because(shadowBuffer, options.maxBodyBytes),
    circuit_breakers: breakers(mostRequests(mirror, options), reasonOf("maxShadowRequests")),
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
    ...http("http1", options, mirror.requestTimeoutMs),
  };
}

/**
 * Envoy's own limit stands behind the policy's, with room: a copy that Envoy drops is one that nobody is told of, and a
 * request that has just ended counts here a moment longer.
 */
function mostRequests({ policy }: Mirror, { maxShadowRequests }: BootstrapOptions): number {
  return policy === undefined
    ? maxShadowRequests
    : Math.max(maxShadowRequests, 2 * policy.budget.maxInFlight);
}

/** A dot would end the name in Envoy's statistics. */
function named(name: string): EnvoyObject {
  return { name, ...(name.includes(".") ? { alt_stat_name: statName(name) } : {}) };
}

const aliveConnections: EnvoyObject = {
  tcp_keepalive: because(
    "A long prefill sends nothing: without probes a firewall forgets the connection, and a machine that is gone is not missed.",
    { keepalive_probes: 3, keepalive_time: 30, keepalive_interval: 10 },
  ),
};

function hosts(cluster: string, { endpoints, dns, picker }: Pool): EnvoyObject {
  const addresses = dns === undefined ? endpoints : [`${dns.hostname}:${dns.port}`];
  const policy = dns !== undefined ? leastRequest : balancing[picker];
  return {
    type: dns === undefined ? "STATIC" : "STRICT_DNS",
    load_balancing_policy: { policies: [policy] },
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
function overrideHost(more: EnvoyObject = {}): EnvoyObject {
  return {
    typed_extension_config: extension(
      "envoy.load_balancing_policies.override_host",
      "envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost",
      {
        override_host_sources: [{ header: destinationHeader }],
        fallback_policy: { policies: [leastRequest] },
        ...more,
      },
    ),
  };
}

const balancing: Readonly<Record<Pool["picker"], EnvoyObject>> = {
  umbra: overrideHost(),
  external: overrideHost({
    // The endpoint picker protocol has the picker told which endpoint served.
    selected_host_key: { key: pickMetadata, path: [{ key: servedKey }] },
  }),
  none: leastRequest,
};

function http(
  protocol: Pool["protocol"],
  options: BootstrapOptions,
  maxStreamMs?: number,
): EnvoyObject {
  return {
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        {
          common_http_protocol_options: {
            idle_timeout: timeSetting(options, "endpointIdleTimeoutMs"),
            ...(maxStreamMs === undefined
              ? {}
              : {
                  max_stream_duration: because(reasonOf("shadowTimeoutMs"), duration(maxStreamMs)),
                }),
          },
          explicit_http_config:
            protocol === "h2c" ? { http2_protocol_options: {} } : { http_protocol_options: {} },
        },
      ),
    },
  };
}
