import { BlockList, isIPv6 } from "node:net";
import type { Pool } from "@umbra/envoy-config";
import type { Logger } from "pino";

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/**
 * Returns the endpoints (`ip:port`) of a pool that use TLS with an unverified certificate, so that a server in between
 * can read the traffic. Excludes loopback, where nothing can be in between.
 */
export function unverifiedEndpoints({ tls, endpoints }: Pick<Pool, "tls" | "endpoints">): string[] {
  if (tls === undefined || tls.hostname !== undefined) return [];
  return endpoints.filter((endpoint) => !isLoopback(endpoint));
}

function isLoopback(endpoint: string): boolean {
  const host = endpoint.slice(0, endpoint.lastIndexOf(":")).replace(/^\[|\]$/g, "");
  return loopback.check(host, isIPv6(host) ? "ipv6" : "ipv4");
}

/**
 * Warns that the endpoint key is sent to any server that answers at an endpoint's address. Returns the names of the
 * pools that it warns of.
 */
export function warnOfUnverifiedTls(pools: readonly Pool[], log: Logger): readonly string[] {
  const warned: string[] = [];
  for (const pool of pools) {
    const endpoints = unverifiedEndpoints(pool).length;
    if (endpoints === 0) continue;
    warned.push(pool.name);
    log.warn(
      { pool: pool.name, endpoints },
      "the endpoint key is sent over unverified TLS: another server at an endpoint's address would get it; add a BackendTLSPolicy (UMB0418)",
    );
  }
  return warned;
}
