import type { Listener, Topology } from "../topology.ts";
import { accessLog } from "./access-log.ts";
import { corsFilter } from "./cors.ts";
import { downstreamTls, misdirectedHosts, serverNames, tlsInspector } from "./downstream-tls.ts";
import { duration, type EnvoyObject, extension, typed } from "./envoy-object.ts";
import { observe, pick, topologyHeaders } from "./ext-proc-filter.ts";
import { localReplies } from "./local-reply.ts";
import { reservedHeaderPrefixes } from "./names.ts";
import type { BootstrapOptions } from "./options.ts";
import { virtualHost } from "./route.ts";
import { sessionFilter } from "./session.ts";

const hour = 3_600_000;

/** A port that clients reach: one filter chain, or with TLS one for each name that clients ask for. */
export function listener(
  first: Listener,
  others: readonly Listener[],
  topology: Topology,
  options: BootstrapOptions,
): EnvoyObject {
  const { name, address, port, tls } = first;
  return {
    name,
    address: { socket_address: { address, port_value: port } },
    // Bounds what the BUFFERED pick holds of a request: past it Envoy answers 413.
    per_connection_buffer_limit_bytes: options.maxBodyBytes,
    max_connections_to_accept_per_socket_event: 1,
    ...(tls === undefined ? {} : { listener_filters: [tlsInspector] }),
    filter_chains: [first, ...others].map((each) => filterChain(each, topology, options)),
  };
}

function filterChain(from: Listener, topology: Topology, options: BootstrapOptions): EnvoyObject {
  const { name, tls } = from;
  const connectionManager = typed(
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    {
      stat_prefix: name,
      ...clientLimits,
      use_remote_address: true,
      normalize_path: true,
      merge_slashes: true,
      path_with_escaped_slashes_action: "UNESCAPE_AND_REDIRECT",
      server_header_transformation: "PASS_THROUGH",
      always_set_request_id_in_response: true,
      early_header_mutation_extensions: [withoutReservedHeaders],
      http_filters: [...primaryFilters(topology, options), router],
      route_config: routeConfiguration(from, topology, options),
      local_reply_config: localReplies(),
      access_log: [accessLog("primary")],
    },
  );
  return {
    ...(tls === undefined ? {} : { name, ...serverNames(tls) }),
    filters: [
      {
        name: "envoy.filters.network.http_connection_manager",
        typed_config: connectionManager,
      },
    ],
    ...(tls === undefined ? {} : { transport_socket: downstreamTls(tls, options) }),
  };
}

/** What a listener's requests pass before the router. */
export function primaryFilters(
  topology: Topology,
  options: BootstrapOptions,
): readonly EnvoyObject[] {
  const routes = topology.listeners.flatMap(({ virtualHosts }) =>
    virtualHosts.flatMap((host) => host.routes),
  );
  const isPicked = !options.plainMirror;
  return [
    // First: a preflight is answered before anything is picked.
    ...(routes.some(({ cors }) => cors !== undefined) ? [corsFilter] : []),
    ...(isPicked ? [pick("primary", options, topologyHeaders(topology))] : []),
    ...(isPicked && options.observe ? [observe("primary")] : []),
    ...(routes.some(({ session }) => session !== undefined) ? [sessionFilter] : []),
  ];
}

/** The routes of a listener. */
export function routeConfiguration(
  from: Listener,
  { listeners, pools }: Topology,
  options: BootstrapOptions,
): EnvoyObject {
  const { name, virtualHosts } = from;
  const byName = new Map(pools.map((pool) => [pool.name, pool]));
  return {
    name,
    ignore_port_in_host_matching: true,
    virtual_hosts: [
      ...virtualHosts.map((host) => virtualHost(host, from, byName, options)),
      ...misdirectedHosts(from, listeners),
    ],
  };
}

export const router: EnvoyObject = extension(
  "envoy.filters.http.router",
  "envoy.extensions.filters.http.router.v3.Router",
  { suppress_envoy_headers: true },
);

/** Envoy's own limit of 100 would fail a pick that adds its header to a request with nearly as many. */
export const headerLimit: EnvoyObject = { max_headers_count: 256 };

/** A slow client is bounded while it sends; an answer may stream for an hour between two tokens. */
const clientLimits: EnvoyObject = {
  common_http_protocol_options: {
    idle_timeout: duration(hour),
    headers_with_underscores_action: "REJECT_REQUEST",
    ...headerLimit,
  },
  http2_protocol_options: {
    max_concurrent_streams: 100,
    initial_stream_window_size: 65_536,
    initial_connection_window_size: 1_048_576,
  },
  request_headers_timeout: "30s",
  request_timeout: "300s",
  stream_idle_timeout: duration(hour),
};

const withoutReservedHeaders: EnvoyObject = extension(
  "envoy.http.early_header_mutation.header_mutation",
  "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
  {
    mutations: reservedHeaderPrefixes.map((prefix) => ({
      remove_on_match: { key_matcher: { prefix } },
    })),
  },
);
