import { reasonOf } from "../envoy-settings.ts";
import { allPrimaryPools, backendsOf, isRendered, poolsByName, routesOf } from "../queries.ts";
import type { Mirror, Pool, Topology } from "../topology.ts";
import { shadowPieceBytes, type TwinLimits, twinLimits } from "../twin-limits.ts";
import { envoyAddress } from "./address.ts";
import { breakers, httpOptions, loadAssignment, shadowBuffer } from "./cluster-parts.ts";
import {
  because,
  builtIn,
  duration,
  type EnvoyObject,
  type EnvoyValue,
  type Reasoned,
} from "./envoy-object.ts";
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
import { createClusterRenderer } from "./rendered-clusters.ts";
import { setting, timeSetting } from "./setting.ts";
import { observer, picker } from "./sidecar-cluster.ts";
import { adminCluster, statName } from "./stats.ts";
import { endpointTls } from "./upstream-tls.ts";

/** Creates every cluster of the bootstrap: for pools, mirrors and the sidecar. */
export function clusters(topology: Topology, options: BootstrapOptions): readonly EnvoyObject[] {
  const primary = usedPools(topology).map((pool) => primaryCluster(pool, options));
  return [...primary, ...otherClusters(topology, options)];
}

/** As `clusters`, for one rendering after the other: the cluster of a pool that has not changed is the same object again. */
export function dynamicClusters(topology: Topology, options: BootstrapOptions): EnvoyValue[] {
  return [
    ...usedPools(topology).map(createClusterRenderer(options, primaryCluster)),
    ...otherClusters(topology, options),
  ];
}

function usedPools(topology: Topology): readonly Pool[] {
  const used = allPrimaryPools(topology);
  return topology.pools.filter(({ name }) => used.has(name));
}

/** Those of mirrors and of the sidecar. */
function otherClusters(topology: Topology, options: BootstrapOptions): readonly EnvoyObject[] {
  const hasUnresolved = routesOf(topology)
    .flatMap(backendsOf)
    .some(({ kind }) => kind === "invalid");
  const pools = poolsByName(topology);
  const bounds = twinLimits(topology, options);
  const shadows = topology.mirrors.filter(isRendered).flatMap((mirror) => {
    const [pool, bound] = [pools.get(mirror.pool), bounds.get(mirror.name)];
    if (pool === undefined || bound === undefined) return [];
    const shadow = shadowCluster(mirror, pool, bound, options);
    return options.plainMirror ? [shadow] : [laneCluster(mirror, bound, options), shadow];
  });
  return [
    ...(hasUnresolved ? [{ name: unresolvedCluster, type: "STATIC" }] : []),
    ...shadows,
    ...(options.plainMirror ? [] : [picker(options), ...externalPickers(topology)]),
    ...(options.plainMirror ? [] : [observer("primary", options)]),
    ...(options.plainMirror || shadows.length === 0 ? [] : [observer("shadow", options)]),
    ...(options.statsListener === undefined ? [] : [adminCluster(options)]),
  ];
}

function primaryCluster(pool: Pool, options: BootstrapOptions): EnvoyObject {
  const name = primaryClusterName(pool.name);
  return poolCluster({ name, pool }, options, {
    per_connection_buffer_limit_bytes: setting(options, "endpointBufferBytes"),
    circuit_breakers: breakers(options.maxRequests, reasonOf("maxRequests")),
  });
}

/** Creates the cluster of a mirror's endpoints. If a twin stalls, the lane's cluster holds its body. */
function shadowCluster(
  mirror: Mirror,
  pool: Pool,
  bound: TwinLimits,
  options: BootstrapOptions,
): EnvoyObject {
  const name = shadowClusterName(mirror.name);
  const maxStreamMs = mirror.requestTimeoutMs;
  const buffer = options.plainMirror
    ? because(shadowBuffer, options.maxBodyBytes)
    : because(shadowPiece, shadowPieceBytes);
  return poolCluster({ name, pool, maxStreamMs }, options, copyLimits(bound.maxTwins, buffer));
}

const shadowPiece =
  "Limits how much of a shadow's answers is read at once: otherwise a flooding shadow would fill the memory and delay other requests.";

function poolCluster(
  of: { readonly name: string; readonly pool: Pool; readonly maxStreamMs?: number },
  options: BootstrapOptions,
  limits: EnvoyObject,
): EnvoyObject {
  const { name, pool, maxStreamMs } = of;
  return {
    ...named(name),
    connect_timeout: timeSetting(options, "connectTimeoutMs"),
    ...limits,
    upstream_connection_options: aliveConnections,
    ...hosts(name, pool),
    ...endpointTls(pool, options),
    ...http(pool.protocol, options, maxStreamMs),
  };
}

/** Creates the cluster that leads into the shadow lane. Its buffer holds the largest body if the lane stalls. */
function laneCluster(mirror: Mirror, bound: TwinLimits, options: BootstrapOptions): EnvoyObject {
  const { name } = mirror;
  const cluster = laneClusterName(name);
  const address = {
    envoy_internal_address: { server_listener_name: shadowLaneListener, endpoint_id: name },
  };
  return {
    ...named(cluster),
    type: "STATIC",
    connect_timeout: timeSetting(options, "connectTimeoutMs"),
    ...copyLimits(bound.maxTwins, because(reasonOf("maxShadowBodyBytes"), bound.bodyBytes)),
    transport_socket: builtIn("transport_sockets.internal_upstream", "InternalUpstreamTransport", {
      transport_socket: builtIn("transport_sockets.raw_buffer", "RawBuffer"),
    }),
    ...loadAssignment(cluster, [address]),
    ...http("http1", options, mirror.requestTimeoutMs),
  };
}

/** Envoy's own limit is a second line after the policy's: a twin that Envoy drops only appears in Envoy's statistics. */
function copyLimits(most: number, buffer: Reasoned): EnvoyObject {
  return {
    per_connection_buffer_limit_bytes: buffer,
    circuit_breakers: breakers(most, reasonOf("maxShadowRequests")),
  };
}

/** A dot would split the name in Envoy's statistics. */
function named(name: string): EnvoyObject {
  return { name, ...(name.includes(".") ? { alt_stat_name: statName(name) } : {}) };
}

const aliveConnections: EnvoyObject = {
  tcp_keepalive: because(
    "A long prefill sends nothing: without probes, a firewall drops the connection, and a dead machine is not detected.",
    { keepalive_probes: 3, keepalive_time: 30, keepalive_interval: 10 },
  ),
};

function hosts(cluster: string, pool: Pool): EnvoyObject {
  const { endpoints, dns, picker, drainingEndpoints = [] } = pool;
  const addresses = dns === undefined ? endpoints : [`${dns.hostname}:${dns.port}`];
  const policy = dns !== undefined ? leastRequest : balancing[picker];
  return {
    type: dns === undefined ? "STATIC" : "STRICT_DNS",
    load_balancing_policy: { policies: [policy] },
    ...loadAssignment(cluster, addresses.map(envoyAddress), drainingEndpoints.map(envoyAddress)),
  };
}

const leastRequest: EnvoyObject = {
  typed_extension_config: builtIn("load_balancing_policies.least_request", "LeastRequest"),
};

/** Uses the picked endpoint if it is in the cluster. Without a pick, Envoy balances itself. */
function overrideHost(more: EnvoyObject = {}): EnvoyObject {
  return {
    typed_extension_config: builtIn("load_balancing_policies.override_host", "OverrideHost", {
      override_host_sources: [{ header: destinationHeader }],
      fallback_policy: { policies: [leastRequest] },
      ...more,
    }),
  };
}

const balancing: Readonly<Record<Pool["picker"], EnvoyObject>> = {
  umbra: overrideHost(),
  external: overrideHost({
    // The endpoint picker protocol reports the endpoint that served to the picker.
    selected_host_key: { key: pickMetadata, path: [{ key: servedKey }] },
  }),
  none: leastRequest,
};

function http(
  protocol: Pool["protocol"],
  options: BootstrapOptions,
  maxStreamMs?: number,
): EnvoyObject {
  const maxStream =
    maxStreamMs === undefined
      ? {}
      : { max_stream_duration: because(reasonOf("shadowTimeoutMs"), duration(maxStreamMs)) };
  return httpOptions({
    common_http_protocol_options: {
      idle_timeout: timeSetting(options, "endpointIdleTimeoutMs"),
      ...maxStream,
    },
    explicit_http_config:
      protocol === "h2c"
        ? { http2_protocol_options: maxStreamMs === undefined ? {} : smallWindows }
        : { http_protocol_options: {} },
  });
}

/** HTTP/2 windows of a shadow: how much it may send before Envoy reads it. */
const smallWindows: EnvoyObject = {
  initial_stream_window_size: because(shadowPiece, shadowPieceBytes),
  initial_connection_window_size: 1_048_576,
};
