import type { Listener } from "../topology.ts";
import { fromAds } from "./ads.ts";
import { builtIn, type EnvoyObject } from "./envoy-object.ts";
import type { BootstrapOptions } from "./options.ts";

type Tls = NonNullable<Listener["tls"]>;

/** Reads the server name in a client's TLS handshake, which selects the filter chain. */
export const tlsInspector: EnvoyObject = builtIn("filters.listener.tls_inspector", "TlsInspector");

/** Matches the connections of a filter chain by server name, if the port has several chains. */
export function serverNames({ serverName }: Tls): EnvoyObject {
  return serverName === undefined ? {} : { filter_chain_match: { server_names: [serverName] } };
}

/** Terminates TLS. With several certificates, Envoy uses the one for the requested server name. */
export function downstreamTls({ certificates }: Tls, options: BootstrapOptions): EnvoyObject {
  return builtIn("transport_sockets.tls", "DownstreamTlsContext", {
    common_tls_context: {
      tls_params: { tls_minimum_protocol_version: "TLSv1_2" },
      alpn_protocols: ["h2", "http/1.1"],
      ...(options.isDynamic
        ? { tls_certificate_sds_secret_configs: certificates.map(secretReference) }
        : { tls_certificates: certificates.map((secret) => certificate(secret, options)) }),
    },
  });
}

/**
 * Virtual hosts for the hostnames of other listeners on the address and port, which have their own certificates and routes. A
 * client that requests them over a connection for another name gets 421 and then opens a new connection.
 */
export function misdirectedHosts(
  { name, address, port, tls }: Listener,
  listeners: readonly Listener[],
): readonly EnvoyObject[] {
  if (tls === undefined) return [];
  return listeners.flatMap((other) => {
    if (other.address !== address || other.port !== port || other.name === name) return [];
    const domain = other.tls?.serverName ?? "*";
    return {
      name: `misdirected/${domain}`,
      domains: [domain],
      routes: [{ match: { prefix: "/" }, direct_response: { status: 421 } }],
    };
  });
}

/** The certificates of all listeners, by the names that `secretReference` gives them. */
export function secrets(
  listeners: readonly Listener[],
  options: BootstrapOptions,
): ReadonlyMap<string, EnvoyObject> {
  const names = listeners.flatMap(({ tls }) => tls?.certificates ?? []);
  return new Map(
    names.map((name) => [name, { name, tls_certificate: certificate(name, options) }]),
  );
}

/** A Secret, `<namespace>/<name>`, that Envoy is given while it runs. */
function secretReference(name: string): EnvoyObject {
  return { name, sds_config: fromAds };
}

function certificate(
  secret: string,
  { tlsDirectory, certificates }: BootstrapOptions,
): EnvoyObject {
  const inline = certificates?.get(secret);
  if (inline !== undefined) {
    return {
      certificate_chain: { inline_string: inline.chain },
      private_key: { inline_string: inline.privateKey },
    };
  }
  // File names as in a Secret mounted as a volume.
  const file = (name: string) => ({ filename: `${tlsDirectory}/${secret}/${name}` });
  return { certificate_chain: file("tls.crt"), private_key: file("tls.key") };
}
