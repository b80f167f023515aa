import { isIP } from "node:net";
import { discoveryType, envoyAddress, splitHostPort } from "./address.ts";
import { breakers } from "./breakers.ts";
import { type EnvoyObject, extension, typed } from "./envoy-object.ts";
import { observerCluster, pickerCluster } from "./names.ts";
import type { BootstrapOptions, SidecarTls } from "./options.ts";

/**
 * The sidecar as picker. An ejection lasts a second at most: a picker that has come back is used at once,
 * and with no panic threshold a dead one is known to be dead.
 */
export function picker(options: BootstrapOptions): EnvoyObject {
  return {
    ...sidecarCluster(pickerCluster, options),
    common_lb_config: { healthy_panic_threshold: { value: 0 } },
    outlier_detection: {
      split_external_local_origin_errors: true,
      consecutive_local_origin_failure: 1,
      enforcing_consecutive_local_origin_failure: 100,
      consecutive_gateway_failure: 3,
      enforcing_consecutive_gateway_failure: 100,
      max_ejection_percent: 100,
      base_ejection_time: "0.5s",
      max_ejection_time: "1s",
      interval: "0.25s",
    },
  };
}

/** The sidecar as recorder: connections of its own, so that what happens to copies never touches a pick. */
export function observer(options: BootstrapOptions): EnvoyObject {
  return sidecarCluster(observerCluster, options);
}

function sidecarCluster(name: string, { sidecar, sidecarTls }: BootstrapOptions): EnvoyObject {
  return {
    name,
    type: discoveryType(sidecar),
    connect_timeout: "0.25s",
    // Every running request holds a stream.
    circuit_breakers: breakers(65_536),
    ...(sidecarTls === undefined ? {} : { transport_socket: tlsSocket(sidecar, sidecarTls) }),
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: envoyAddress(sidecar) } }] }],
    },
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        {
          explicit_http_config: {
            http2_protocol_options: {
              connection_keepalive: { interval: "2s", timeout: "2s" },
            },
          },
        },
      ),
    },
  };
}

function tlsSocket(sidecar: string, tls: SidecarTls): EnvoyObject {
  const { caFile, certFile, keyFile } = tls;
  const host = sidecar.startsWith("unix:") ? undefined : splitHostPort(sidecar).host;
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
        ...(caFile === undefined ? {} : { validation_context: validation(caFile, name) }),
      },
    },
  );
}

function validation(caFile: string, name: string | undefined): EnvoyObject {
  const names =
    name === undefined
      ? {}
      : {
          match_typed_subject_alt_names: [
            { san_type: isIP(name) === 0 ? "DNS" : "IP_ADDRESS", matcher: { exact: name } },
          ],
        };
  return { trusted_ca: { filename: caFile }, ...names };
}
