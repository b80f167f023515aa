import { because, type EnvoyObject, extension } from "./envoy-object.ts";

/** The network filters of a chain that speaks HTTP. */
export function connectionManager(fields: EnvoyObject): readonly EnvoyObject[] {
  return [
    extension(
      "envoy.filters.network.http_connection_manager",
      "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
      fields,
    ),
  ];
}

/** The last of the HTTP filters, which sends requests on. */
export function routerWith(fields: EnvoyObject = {}): EnvoyObject {
  const type = "envoy.extensions.filters.http.router.v3.Router";
  return extension("envoy.filters.http.router", type, fields);
}

/** The router of lanes that requests of clients or their copies pass. */
export const router: EnvoyObject = routerWith({
  suppress_envoy_headers: because(
    "Clients need not know of clusters, timeouts and attempts behind Envoy.",
    true,
  ),
});
