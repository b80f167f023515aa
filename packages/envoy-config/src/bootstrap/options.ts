import type { Certificate } from "../certificate.ts";
import { defaultAddresses } from "../default-addresses.ts";
import type { EnvoySettings } from "../envoy-settings.ts";

/** Input of the bootstrap in addition to the topology. */
export interface BootstrapOptions extends EnvoySettings {
  /** Address of the sidecar's gRPC server: `host:port` or `unix:/path`. */
  readonly sidecar: string;
  /** Absent: plain text. */
  readonly sidecarTls?: SidecarTls;
  /** Envoy's admin interface, `ip:port`. Anyone who reaches it controls Envoy: keep it on loopback. */
  readonly envoyAdmin: string;
  /** Address where Envoy serves only `GET /stats/prometheus`, `host:port`; absent: none. */
  readonly statsListener?: string;
  /** Counts requests for each rule of an HTTPRoute. Disabled with more than 500 rules. */
  readonly routeStats: boolean;
  /** Sends copies of responses to the sidecar's recorder. */
  readonly observe: boolean;
  /** Folder with Envoy's certificates: `<directory>/<namespace>/<secret>/tls.crt` and `tls.key`. */
  readonly tlsDirectory: string;
  /** PEM file with the CA certificates of Envoy's machine, to verify endpoints with. Read by Envoy. */
  readonly systemCaFile: string;
  /** Certificates by Secret, `<namespace>/<name>`, to embed in the bootstrap with their keys. */
  readonly certificates?: ReadonlyMap<string, Certificate>;
  /** True: certificates come by SDS, and are in no file that Envoy reads. */
  readonly isDynamic: boolean;
  /** True: filters that no route uses are there too. */
  readonly hasEveryFilter: boolean;
  /** Mirrors directly to the shadow's cluster, without lane, pick and sidecar. */
  readonly plainMirror: boolean;
}

/** TLS from Envoy to the sidecar. Envoy reads the files once, on its own machine. */
export interface SidecarTls {
  /** PEM CA of the sidecar's certificate. Absent: encrypted, but the sidecar is not verified. */
  readonly caFile?: string;
  /** PEM client certificate of Envoy; its key is in `keyFile`. */
  readonly certFile?: string;
  readonly keyFile?: string;
  /** Expected name or IP address in the certificate. When absent: the address's host, or any name for a Unix socket. */
  readonly serverName?: string;
}

/** Defaults of everything that the topology does not define. */
export const defaultBootstrapOptions: Omit<BootstrapOptions, keyof EnvoySettings> = {
  sidecar: defaultAddresses.sidecar,
  envoyAdmin: defaultAddresses.envoyAdmin,
  routeStats: true,
  observe: true,
  plainMirror: false,
  isDynamic: false,
  hasEveryFilter: false,
  tlsDirectory: "/etc/umbra/tls",
  systemCaFile: "/etc/ssl/certs/ca-certificates.crt",
};
