import { isIP } from "node:net";
import type { Pool } from "../topology.ts";
import { splitHostPort } from "./address.ts";
import { builtIn, type EnvoyObject } from "./envoy-object.ts";
import type { BootstrapOptions, SidecarTls } from "./options.ts";

/** TLS to a gRPC server at `address`. With a CA, verifies the given name or the address's host. */
export function upstreamTls(address: string, tls: SidecarTls): EnvoyObject {
  const { caFile, certFile, keyFile } = tls;
  const host = address.startsWith("unix:") ? undefined : splitHostPort(address).host;
  const name = tls.serverName ?? host;
  // SNI needs a name, not an IP address.
  const sni = name === undefined || isIP(name) !== 0 ? undefined : name;
  const certificate = { certificate_chain: file(certFile), private_key: file(keyFile) };
  const hasCertificate = certFile !== undefined && keyFile !== undefined;
  // gRPC needs HTTP/2; without `h2`, a server may choose HTTP/1.1.
  return upstreamContext(sni, "h2", {
    ...(hasCertificate ? { tls_certificates: [certificate] } : {}),
    ...(caFile === undefined ? {} : { validation_context: validation(file(caFile), name) }),
  });
}

function file(filename = ""): EnvoyObject {
  return { filename };
}

/** The client side of a TLS connection. */
function upstreamContext(
  sni: string | undefined,
  protocol: string,
  more: EnvoyObject,
): EnvoyObject {
  return builtIn("transport_sockets.tls", "UpstreamTlsContext", {
    ...(sni === undefined ? {} : { sni }),
    common_tls_context: {
      alpn_protocols: [protocol],
      tls_params: { tls_minimum_protocol_version: "TLSv1_2" },
      ...more,
    },
  });
}

/** Verifies that the CA signed the certificate and that it is for the name. */
function validation(authority: EnvoyObject, name: string | undefined): EnvoyObject {
  if (name === undefined) return { trusted_ca: authority };
  const type = isIP(name) === 0 ? "DNS" : "IP_ADDRESS";
  return {
    trusted_ca: authority,
    match_typed_subject_alt_names: [{ san_type: type, matcher: { exact: name } }],
  };
}

/** TLS from Envoy to a pool's endpoints. Empty for plain HTTP. */
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
