import { because, type EnvoyObject } from "./envoy-object.ts";

/** Circuit breakers that let `maxRequests` requests run at once. */
export function breakers(maxRequests: number, reason: string): EnvoyObject {
  const limit = {
    max_connections: maxRequests,
    max_pending_requests: maxRequests,
    max_requests: because(reason, maxRequests),
    max_retries: Math.min(maxRequests, 1_024),
  };
  return { thresholds: [{ priority: "DEFAULT", ...limit }] };
}

/** Why a buffer on the way of a copy takes the largest body whole. */
export const shadowBuffer =
  "A whole body fits in: with less, a shadow that stops reading would stop the primary's upload too.";
