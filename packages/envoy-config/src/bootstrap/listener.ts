import { topologyHeaders, underscoreHeaders } from "../header-names.ts";
import { socketName } from "../names.ts";
import { mirrorsByName, poolsByName, routesOf } from "../queries.ts";
import type { Listener, Topology, VirtualHost } from "../topology.ts";
import { accessLog, answerLogs } from "./access-log.ts";
import { clientGuards } from "./client-guards.ts";
import { connectionManager, router } from "./connection-manager.ts";
import { corsFilter } from "./cors.ts";
import { downstreamTls, misdirectedHosts, serverNames, tlsInspector } from "./downstream-tls.ts";
import { because, type EnvoyObject, type EnvoyValue } from "./envoy-object.ts";
import { answerHeaders, observe, pick } from "./ext-proc-filter.ts";
import { externalPick } from "./external-picker.ts";
import { localReplies } from "./local-reply.ts";
import type { BootstrapOptions } from "./options.ts";
import { createHostRenderer } from "./rendered-hosts.ts";
import { virtualHost } from "./route.ts";
import { sessionFilter } from "./session.ts";
import { setting } from "./setting.ts";
import { statName } from "./stats.ts";
import { underscoreFilter, unrefusedUnderscores } from "./underscores.ts";

/** Creates a listener for clients: one filter chain, or with TLS one for each server name. */
export function listener(
  first: Listener,
  others: readonly Listener[],
  topology: Topology,
  options: BootstrapOptions,
): EnvoyObject {
  const { address, port, tls } = first;
  return {
    name: socketName(first),
    address: { socket_address: { address, port_value: port } },
    per_connection_buffer_limit_bytes: setting(options, "maxBodyBytes"),
    max_connections_to_accept_per_socket_event: because(
      "Distributes a burst of connections among the workers, so that running requests are not starved.",
      1,
    ),
    ...(tls === undefined ? {} : { listener_filters: [tlsInspector] }),
    filter_chains: [first, ...others].map((each) => filterChain(each, topology, options)),
  };
}

function filterChain(from: Listener, topology: Topology, options: BootstrapOptions): EnvoyObject {
  const { name, tls } = from;
  const filters = connectionManager({
    stat_prefix: statName(name),
    ...clientGuards(topology, options),
    always_set_request_id_in_response: true,
    http_filters: [...httpFilters(topology, options), router],
    route_config: routeConfiguration(from, topology, options),
    local_reply_config: localReplies(),
    access_log: [accessLog("primary"), ...(options.plainMirror ? [] : answerLogs("primary"))],
  });
  if (tls === undefined) return { filters };
  return {
    name,
    ...serverNames(tls),
    filters,
    transport_socket: downstreamTls(tls, options),
    transport_socket_connect_timeout: because(
      "Closes connections of clients that don't finish the TLS handshake.",
      "15s",
    ),
  };
}

/** All HTTP filters of a listener before the router. */
export function httpFilters(topology: Topology, options: BootstrapOptions): readonly EnvoyObject[] {
  return [...underscoreFilter(topology, options), ...primaryFilters(topology, options)];
}

/** The HTTP filters of a listener before the router, without the one that refuses headers. */
export function primaryFilters(
  topology: Topology,
  options: BootstrapOptions,
): readonly EnvoyObject[] {
  const routes = routesOf(topology);
  const isPicked = !options.plainMirror;
  return [
    // First, so that a preflight is answered without a pick.
    ...ifUsed(corsFilter, options, () => routes.some(({ cors }) => cors !== undefined)),
    ...(isPicked ? [pick("primary", options, topologyHeaders(topology))] : []),
    // Before the third-party picker, whose own headers may have an underscore.
    ...unrefusedUnderscores(topology, options),
    ...(isPicked ? externalPick("primary", topology, options) : []),
    ...(isPicked && options.observe ? [observe("primary", answerHeaders(topology))] : []),
    ...ifUsed(sessionFilter, options, () => routes.some(({ session }) => session !== undefined)),
  ];
}

/** A filter that is always there is off, and a route that configures it turns it on. */
function ifUsed(
  filter: EnvoyObject,
  { hasEveryFilter }: BootstrapOptions,
  isUsed: () => boolean,
): readonly EnvoyObject[] {
  if (hasEveryFilter) return [{ ...filter, disabled: true }];
  return isUsed() ? [filter] : [];
}

export function routeConfiguration(
  from: Listener,
  topology: Topology,
  options: BootstrapOptions,
): EnvoyObject {
  const { name, virtualHosts } = from;
  const known = {
    pools: poolsByName(topology),
    mirrors: mirrorsByName(topology),
    underscores: underscoreHeaders(topology).known,
  };
  const rendered: (host: VirtualHost) => EnvoyValue = options.isDynamic
    ? createHostRenderer(from, known, options)
    : (host) => virtualHost(host, from, known, options);
  return {
    name,
    ignore_port_in_host_matching: true,
    virtual_hosts: [...virtualHosts.map(rendered), ...misdirectedHosts(from, topology.listeners)],
  };
}
