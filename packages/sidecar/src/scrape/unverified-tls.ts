import { BlockList, isIPv6 } from "node:net";
import type { Pool } from "@umbra/envoy-config";
import type { Logger } from "pino";

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/**
 * Endpoints (`ip:port`) of a pool that are reached over TLS and whose certificate is not verified, so that any server
 * on the way can read what they are sent. Those on loopback are left out: nothing is on the way there.
 */
export function unverifiedEndpoints({ tls, endpoints }: Pick<Pool, "tls" | "endpoints">): string[] {
  if (tls === undefined || tls.hostname !== undefined) return [];
  return endpoints.filter((endpoint) => !isLoopback(endpoint));
}

function isLoopback(endpoint: string): boolean {
  const host = endpoint.slice(0, endpoint.lastIndexOf(":")).replace(/^\[|\]$/g, "");
  return loopback.check(host, isIPv6(host) ? "ipv6" : "ipv4");
}

/** The endpoint key would go to whoever answers at an endpoint's address. */
export function warnOfUnverifiedTls(pools: readonly Pool[], log: Logger): void {
  for (const pool of pools) {
    const endpoints = unverifiedEndpoints(pool).length;
    if (endpoints === 0) continue;
    log.warn(
      { pool: pool.name, endpoints },
      "the endpoint key is sent over TLS that is not verified: another server at an endpoint's address would get it; add a BackendTLSPolicy (UMB0418)",
    );
  }
}
