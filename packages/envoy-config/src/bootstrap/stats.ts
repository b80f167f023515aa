import { discoveryType, envoyAddress } from "./address.ts";
import { loadAssignment } from "./cluster-parts.ts";
import { connectionManager, routerWith } from "./connection-manager.ts";
import { because, type EnvoyObject } from "./envoy-object.ts";
import { clusterNameTags } from "./names.ts";
import type { BootstrapOptions } from "./options.ts";

const adminClusterName = "umbra-admin";

/** Escapes a name for use in a statistic's name, where dots are separators. */
export function statName(name: string): string {
  return name.replaceAll(".", "_");
}

/**
 * Labels of Envoy's metrics, extracted from the names of clusters and filters. The resources determine their number;
 * nothing from clients becomes a label.
 */
export const statsConfig: EnvoyObject = {
  stats_tags: because(
    "Labels to aggregate by: lane, pool, mirror and its route. They come from the resources; clients can't add values.",
    [
      { tag_name: "umbra.lane", regex: clusterNameTags.lane },
      { tag_name: "umbra.pool", regex: clusterNameTags.pool },
      { tag_name: "umbra.mirror", regex: clusterNameTags.mirror },
      { tag_name: "umbra.mirrored_route", regex: clusterNameTags.mirroredRoute },
    ],
  ),
};

/** Creates a listener that serves only `GET /stats/prometheus`. */
export function statsListener(address: string): EnvoyObject {
  const isStats = {
    path: "/stats/prometheus",
    headers: [{ name: ":method", string_match: { exact: "GET" } }],
  };
  const virtualHost = {
    name: "stats",
    domains: ["*"],
    routes: because(
      "The admin interface can stop Envoy and shows its secrets, so only this path is reachable from other machines.",
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
    bypass_overload_manager: because("Keeps metrics reachable when Envoy is overloaded.", true),
    filter_chains: [{ filters }],
  };
}

/** Creates a cluster for Envoy's own admin interface. */
export function adminCluster({ envoyAdmin }: BootstrapOptions): EnvoyObject {
  return {
    name: adminClusterName,
    type: discoveryType(envoyAdmin),
    connect_timeout: "1s",
    ...loadAssignment(adminClusterName, [envoyAddress(envoyAdmin)]),
  };
}
