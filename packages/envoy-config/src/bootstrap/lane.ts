import { modelHeaders } from "../header-names.ts";
import { isRendered, poolsByName } from "../queries.ts";
import type { Mirror, Pool, Topology } from "../topology.ts";
import { laneBufferBytes } from "../twin-limits.ts";
import { accessLog, answerLogs } from "./access-log.ts";
import { bandwidthFilter, bandwidthLimit } from "./bandwidth.ts";
import { headerLimit } from "./client-guards.ts";
import { shadowBuffer } from "./cluster-parts.ts";
import { connectionManager, router } from "./connection-manager.ts";
import { because, duration, type EnvoyObject } from "./envoy-object.ts";
import { answerHeaders, observe, pick, routeStreams } from "./ext-proc-filter.ts";
import { externalPick, externalStreams } from "./external-picker.ts";
import { mirrorHeader, shadowClusterName, shadowLaneListener } from "./names.ts";
import type { BootstrapOptions } from "./options.ts";
import { timeSetting } from "./setting.ts";

/** True if the bootstrap has a shadow lane. */
export function hasShadowLane({ mirrors }: Topology, { plainMirror }: BootstrapOptions): boolean {
  return !plainMirror && mirrors.some(isRendered);
}

/**
 * Creates the shadow lane: an internal listener that every twin passes, so that twins are picked and observed like
 * their primary requests. Their answers end here.
 */
export function shadowLane(topology: Topology, options: BootstrapOptions): EnvoyObject {
  const pools = poolsByName(topology);
  const virtualHost = {
    name: shadowLaneListener,
    domains: ["*"],
    routes: topology.mirrors
      .filter(isRendered)
      .map((mirror) => route(mirror, pools.get(mirror.pool), options)),
  };
  const filters = connectionManager({
    stat_prefix: "shadow_lane",
    common_http_protocol_options: headerLimit(options),
    stream_idle_timeout: timeSetting(options, "shadowTimeoutMs"),
    // Keeps the primary's request id, which pairs the two legs.
    preserve_external_request_id: true,
    http_filters: [...shadowFilters(topology, options), router],
    route_config: { name: shadowLaneListener, virtual_hosts: [virtualHost] },
    access_log: [accessLog("shadow"), ...answerLogs("shadow")],
  });
  return {
    name: shadowLaneListener,
    internal_listener: {},
    per_connection_buffer_limit_bytes: because(shadowBuffer, laneBufferBytes(topology, options)),
    filter_chains: [{ filters }],
  };
}

/** The HTTP filters of the shadow lane before the router. */
export function shadowFilters(
  topology: Topology,
  options: BootstrapOptions,
): readonly EnvoyObject[] {
  return [
    pick("shadow", options, modelHeaders(topology.pools)),
    ...externalPick("shadow", topology, options),
    ...(options.observe ? [observe("shadow", answerHeaders(topology))] : []),
    // Answers pass the filters in reverse order, so the recorder gets no more than the bandwidth limit allows.
    bandwidthFilter,
  ];
}

function route(
  { name, policy, pickMode, requestTimeoutMs }: Mirror,
  pool: Pool | undefined,
  options: BootstrapOptions,
): EnvoyObject {
  const timeout = duration(requestTimeoutMs);
  return {
    name,
    match: {
      prefix: "/",
      headers: [{ name: mirrorHeader, string_match: { exact: name } }],
    },
    route: { cluster: shadowClusterName(name), timeout, idle_timeout: timeout },
    typed_per_filter_config: {
      ...(pool === undefined ? {} : streams(pool)),
      ...bandwidthLimit(options),
    },
  };

  function streams(of: Pool): EnvoyObject {
    const own = routeStreams(
      {
        lane: "shadow",
        pool: of.name,
        mirrors: [name],
        isPicked: of.picker === "umbra",
        // Fails closed if the sidecar decides what is mirrored: the sidecar fails the stream to end a twin whose
        // client is gone, and without a sidecar there are no twins.
        isFailOpen: policy === undefined,
        pickMode,
        knownUnderscores: [],
      },
      options,
    );
    return { ...own, ...externalStreams(of, options) };
  }
}
