import type { Pool } from "../topology.ts";
import { type EnvoyObject, extension } from "./envoy-object.ts";
import type { BootstrapOptions } from "./options.ts";
import { validation } from "./upstream-tls.ts";

/** TLS from Envoy to a pool's endpoints; nothing where they are asked in plain HTTP. */
export function endpointTls(
  { tls, protocol }: Pick<Pool, "tls" | "protocol">,
  { systemCaFile }: BootstrapOptions,
): EnvoyObject {
  if (tls === undefined) return {};
  const { hostname, caPem } = tls;
  const authority = caPem === undefined ? { filename: systemCaFile } : { inline_string: caPem };
  return {
    transport_socket: extension(
      "envoy.transport_sockets.tls",
      "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
      {
        ...(hostname === undefined ? {} : { sni: hostname }),
        common_tls_context: {
          alpn_protocols: [protocol === "h2c" ? "h2" : "http/1.1"],
          tls_params: { tls_minimum_protocol_version: "TLSv1_2" },
          ...(hostname === undefined
            ? {}
            : { validation_context: validation(authority, hostname) }),
        },
      },
    ),
  };
}
