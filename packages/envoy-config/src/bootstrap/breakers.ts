import type { EnvoyObject } from "./envoy-object.ts";

/** Circuit breakers that let `maxRequests` requests run at once. Envoy's own limit of 1,024 would cut long answers short of their number. */
export function breakers(maxRequests: number): EnvoyObject {
  const limit = {
    max_connections: maxRequests,
    max_pending_requests: maxRequests,
    max_requests: maxRequests,
    max_retries: Math.min(maxRequests, 1_024),
  };
  return { thresholds: [{ priority: "DEFAULT", ...limit }] };
}
