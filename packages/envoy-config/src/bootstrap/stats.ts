import { discoveryType, envoyAddress } from "./address.ts";
import { loadAssignment } from "./cluster-parts.ts";
import { connectionManager, routerWith } from "./connection-manager.ts";
import { because, type EnvoyObject } from "./envoy-object.ts";
import { clusterNameTags } from "./names.ts";
import type { BootstrapOptions } from "./options.ts";

const adminClusterName = "umbra-admin";

/** A name as one part of the name of a statistic, where dots part. */
export function statName(name: string): string {
  return name.replaceAll(".", "_");
}

/**
 * Labels of Envoy's metrics. Each is read from the names of clusters and filters, of which there are as many as the
 * resources ask for: nothing that a client sends becomes a label.
 */
export const statsConfig: EnvoyObject = {
  stats_tags: because(
    "Labels to sum by: lane, pool, mirror and its route. They come from the resources; no client can make more of them.",
    [
      { tag_name: "umbra.lane", regex: clusterNameTags.lane },
      { tag_name: "umbra.pool", regex: clusterNameTags.pool },
      { tag_name: "umbra.mirror", regex: clusterNameTags.mirror },
      { tag_name: "umbra.mirrored_route", regex: clusterNameTags.mirroredRoute },
    ],
  ),
};

/** A listener that answers `GET /stats/prometheus` and nothing else. */
export function statsListener(address: string): EnvoyObject {
  const isStats = {
    path: "/stats/prometheus",
    headers: [{ name: ":method", string_match: { exact: "GET" } }],
  };
  const virtualHost = {
    name: "stats",
    domains: ["*"],
    routes: because(
      "The admin interface can end Envoy and shows its secrets: of all its paths this one alone is reached from elsewhere.",
      [{ match: isStats, route: { cluster: adminClusterName } }],
    ),
  };
  const filters = connectionManager({
    stat_prefix: "stats",
    request_headers_timeout: "5s",
    request_timeout: "5s",
    common_http_protocol_options: { idle_timeout: "300s" },
    http_filters: [routerWith()],
    route_config: { name: "stats", virtual_hosts: [virtualHost] },
  });
  return {
    name: "stats",
    address: envoyAddress(address),
    bypass_overload_manager: because("What is wrong must be seen when it is.", true),
    filter_chains: [{ filters }],
  };
}

/** Envoy's own admin interface, as a cluster. */
export function adminCluster({ envoyAdmin }: BootstrapOptions): EnvoyObject {
  return {
    name: adminClusterName,
    type: discoveryType(envoyAdmin),
    connect_timeout: "1s",
    ...loadAssignment(adminClusterName, [envoyAddress(envoyAdmin)]),
  };
}
