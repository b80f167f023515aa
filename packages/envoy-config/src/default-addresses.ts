/** Default addresses of the processes next to Envoy, as `host:port`. */
export const defaultAddresses = {
  /** The sidecar's gRPC server. */
  sidecar: "127.0.0.1:9002",
  /** Envoy's admin interface. */
  envoyAdmin: "127.0.0.1:9901",
  /** The sidecar's admin interface. */
  sidecarAdmin: "127.0.0.1:9090",
} as const;
