import { isIP } from "node:net";
import { splitHostPort } from "./address.ts";
import { builtIn, type EnvoyObject } from "./envoy-object.ts";
import type { SidecarTls } from "./options.ts";

/** TLS to a gRPC server at `address`: verified where there is an authority, by the name that is given or the address's host. */
export function upstreamTls(address: string, tls: SidecarTls): EnvoyObject {
  const { caFile, certFile, keyFile } = tls;
  const host = address.startsWith("unix:") ? undefined : splitHostPort(address).host;
  const name = tls.serverName ?? host;
  // A name to ask for; an IP address is none.
  const sni = name === undefined || isIP(name) !== 0 ? undefined : name;
  const certificate = { certificate_chain: file(certFile), private_key: file(keyFile) };
  const hasCertificate = certFile !== undefined && keyFile !== undefined;
  // gRPC is HTTP/2, and a server that finds no `h2` here may speak HTTP/1.1.
  return upstreamContext(sni, "h2", {
    ...(hasCertificate ? { tls_certificates: [certificate] } : {}),
    ...(caFile === undefined ? {} : { validation_context: validation(file(caFile), name) }),
  });
}

function file(filename = ""): EnvoyObject {
  return { filename };
}

/** A client's side of TLS. */
export function upstreamContext(
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

/** The certificate is signed by the authority, and is for the name. */
export function validation(authority: EnvoyObject, name: string | undefined): EnvoyObject {
  if (name === undefined) return { trusted_ca: authority };
  const type = isIP(name) === 0 ? "DNS" : "IP_ADDRESS";
  return {
    trusted_ca: authority,
    match_typed_subject_alt_names: [{ san_type: type, matcher: { exact: name } }],
  };
}
