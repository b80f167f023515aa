import { because, builtIn, type EnvoyObject } from "./envoy-object.ts";

/** Creates the network filters of an HTTP filter chain. */
export function connectionManager(fields: EnvoyObject): readonly EnvoyObject[] {
  return [builtIn("filters.network.http_connection_manager", "HttpConnectionManager", fields)];
}

/** Creates the router, the last HTTP filter, which forwards requests. */
export function routerWith(fields: EnvoyObject = {}): EnvoyObject {
  return builtIn("filters.http.router", "Router", fields);
}

/** The router of lanes for client requests and twins. */
export const router: EnvoyObject = routerWith({
  suppress_envoy_headers: because("Hides clusters, timeouts and attempts from clients.", true),
});
