import { because, builtIn, type EnvoyObject } from "./envoy-object.ts";

/** The network filters of a chain that speaks HTTP. */
export function connectionManager(fields: EnvoyObject): readonly EnvoyObject[] {
  return [builtIn("filters.network.http_connection_manager", "HttpConnectionManager", fields)];
}

/** The last of the HTTP filters, which sends requests on. */
export function routerWith(fields: EnvoyObject = {}): EnvoyObject {
  return builtIn("filters.http.router", "Router", fields);
}

/** The router of lanes that requests of clients or their copies pass. */
export const router: EnvoyObject = routerWith({
  suppress_envoy_headers: because(
    "Clients need not know of clusters, timeouts and attempts behind Envoy.",
    true,
  ),
});
