import { isIP } from "node:net";
import { splitHostPort } from "./address.ts";
import { type EnvoyObject, extension } from "./envoy-object.ts";
import type { SidecarTls } from "./options.ts";

/** TLS to a gRPC server at `address`: verified where there is an authority, by the name that is given or the address's host. */
export function upstreamTls(address: string, tls: SidecarTls): EnvoyObject {
  const { caFile, certFile, keyFile } = tls;
  const host = address.startsWith("unix:") ? undefined : splitHostPort(address).host;
  const name = tls.serverName ?? host;
  // A name to ask for; an IP address is none.
  const sni = name === undefined || isIP(name) !== 0 ? {} : { sni: name };
  const certificate =
    certFile === undefined || keyFile === undefined
      ? {}
      : {
          tls_certificates: [
            { certificate_chain: { filename: certFile }, private_key: { filename: keyFile } },
          ],
        };
  return extension(
    "envoy.transport_sockets.tls",
    "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
    {
      ...sni,
      common_tls_context: {
        // gRPC is HTTP/2, and a server that finds no `h2` here may speak HTTP/1.1.
        alpn_protocols: ["h2"],
        tls_params: { tls_minimum_protocol_version: "TLSv1_2" },
        ...certificate,
        ...(caFile === undefined
          ? {}
          : { validation_context: validation({ filename: caFile }, name) }),
      },
    },
  );
}

/** The certificate is signed by the authority, and is for the name. */
export function validation(authority: EnvoyObject, name: string | undefined): EnvoyObject {
  const names =
    name === undefined
      ? {}
      : {
          match_typed_subject_alt_names: [
            { san_type: isIP(name) === 0 ? "DNS" : "IP_ADDRESS", matcher: { exact: name } },
          ],
        };
  return { trusted_ca: authority, ...names };
}
