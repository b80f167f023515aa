import type { Pool } from "../topology.ts";
import type { EnvoyObject } from "./envoy-object.ts";
import type { BootstrapOptions } from "./options.ts";
import { upstreamContext, validation } from "./upstream-tls.ts";

/** TLS from Envoy to a pool's endpoints; nothing where they are asked in plain HTTP. */
export function endpointTls(
  { tls, protocol }: Pick<Pool, "tls" | "protocol">,
  { systemCaFile }: BootstrapOptions,
): EnvoyObject {
  if (tls === undefined) return {};
  const { hostname, caPem } = tls;
  const authority = caPem === undefined ? { filename: systemCaFile } : { inline_string: caPem };
  const verified =
    hostname === undefined ? {} : { validation_context: validation(authority, hostname) };
  const alpn = protocol === "h2c" ? "h2" : "http/1.1";
  return { transport_socket: upstreamContext(hostname, alpn, verified) };
}
