import type { Listener } from "../topology.ts";
import { fromAds } from "./ads.ts";
import { builtIn, type EnvoyObject } from "./envoy-object.ts";
import type { BootstrapOptions } from "./options.ts";

type Tls = NonNullable<Listener["tls"]>;

/** Reads the name that a client asks for in its handshake: filter chains are chosen by it. */
export const tlsInspector: EnvoyObject = builtIn("filters.listener.tls_inspector", "TlsInspector");

/** The connections of a filter chain, told apart from others of the port by the name that clients ask for. */
export function serverNames({ serverName }: Tls): EnvoyObject {
  return serverName === undefined ? {} : { filter_chain_match: { server_names: [serverName] } };
}

/** TLS ends here. Of several certificates Envoy takes the one that has the name which the client asks for. */
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
 * Names of other listeners of the port, which have certificates and routes of their own. A client that sends requests
 * for them over a connection that was made for another name is told so with 421, and makes a new one.
 */
export function misdirectedHosts(
  { name, port, tls }: Listener,
  listeners: readonly Listener[],
): readonly EnvoyObject[] {
  if (tls === undefined) return [];
  return listeners.flatMap((other) => {
    if (other.port !== port || other.name === name) return [];
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
  // As a Secret that is mounted as a volume has them.
  const file = (name: string) => ({ filename: `${tlsDirectory}/${secret}/${name}` });
  return { certificate_chain: file("tls.crt"), private_key: file("tls.key") };
}
