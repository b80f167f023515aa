import type { Certificate } from "../certificate.ts";
import { defaultAddresses } from "../default-addresses.ts";
import type { EnvoySettings } from "../envoy-settings.ts";

/** What a bootstrap depends on besides the topology. */
export interface BootstrapOptions extends EnvoySettings {
  /** Where the sidecar's gRPC server listens: `host:port` or `unix:/path`. */
  readonly sidecar: string;
  /** Absent: plaintext. */
  readonly sidecarTls?: SidecarTls;
  /** Envoy's admin interface, `ip:port`. Anyone who reaches it owns the proxy: keep it on loopback. */
  readonly envoyAdmin: string;
  /** Where Envoy answers `GET /stats/prometheus` and nothing else, `host:port`; absent: nowhere. */
  readonly statsListener?: string;
  /** Counts requests of each rule of an HTTPRoute; with more than 500 rules it is off. */
  readonly routeStats: boolean;
  /** Copies responses to the sidecar's recorder. */
  readonly observe: boolean;
  /** Where Envoy finds certificates: `<directory>/<namespace>/<secret>/tls.crt` and `tls.key`. */
  readonly tlsDirectory: string;
  /** PEM authorities that Envoy's machine trusts, for endpoints whose certificate those have signed. Envoy reads it. */
  readonly systemCaFile: string;
  /** By Secret, `<namespace>/<name>`: these are written into the bootstrap, with their keys. */
  readonly certificates?: ReadonlyMap<string, Certificate>;
  /** Certificates come by SDS, and are in no file that Envoy reads. */
  readonly isDynamic: boolean;
  /** Mirrors straight to the shadow's cluster: no lane, no pick, no sidecar. */
  readonly plainMirror: boolean;
}

/** How Envoy speaks TLS to the sidecar. Envoy reads the files, once, on its own machine. */
export interface SidecarTls {
  /** PEM authorities that sign the sidecar's certificate. Absent: what is said is encrypted, and the sidecar not verified. */
  readonly caFile?: string;
  /** PEM certificate that Envoy shows, with its key. */
  readonly certFile?: string;
  readonly keyFile?: string;
  /** Name or IP address that the certificate must be for; the address's host when absent, any on a Unix socket. */
  readonly serverName?: string;
}

/** Of all that the topology does not say. */
export const defaultBootstrapOptions: Omit<BootstrapOptions, keyof EnvoySettings> = {
  sidecar: defaultAddresses.sidecar,
  envoyAdmin: defaultAddresses.envoyAdmin,
  routeStats: true,
  observe: true,
  plainMirror: false,
  isDynamic: false,
  tlsDirectory: "/etc/umbra/tls",
  systemCaFile: "/etc/ssl/certs/ca-certificates.crt",
};
