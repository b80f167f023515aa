/** What Envoy sends at the start of a pick call for a primary's pool. */
export function pickCallHeaders(pool: string): Readonly<Record<string, string>> {
  return {
    ":method": "POST",
    ":scheme": "http",
    ":path": "/envoy.service.ext_proc.v3.ExternalProcessor/Process",
    ":authority": "picker",
    "content-type": "application/grpc",
    te: "trailers",
    "x-umbra-pool": pool,
    "x-umbra-lane": "primary",
  };
}
