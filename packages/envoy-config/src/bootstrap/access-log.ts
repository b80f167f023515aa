import { type EnvoyObject, extension } from "./envoy-object.ts";
import { destinationHeader, mirrorHeader } from "./names.ts";

/** One JSON line a request on Envoy's standard output. No header that carries a credential, no body. */
export function accessLog(lane: "primary" | "shadow"): EnvoyObject {
  return extension(
    "envoy.access_loggers.stdout",
    "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
    {
      log_format: {
        json_format: {
          time: "%START_TIME%",
          lane,
          ...(lane === "shadow" ? { mirror: `%REQ(${mirrorHeader})%` } : {}),
          request_id: "%REQ(X-REQUEST-ID)%",
          host: "%REQ(:AUTHORITY)%",
          method: "%REQ(:METHOD)%",
          path: "%REQ(:PATH)%",
          status: "%RESPONSE_CODE%",
          flags: "%RESPONSE_FLAGS%",
          details: "%RESPONSE_CODE_DETAILS%",
          route: "%ROUTE_NAME%",
          cluster: "%UPSTREAM_CLUSTER_RAW%",
          picked: `%REQ(${destinationHeader})%`,
          endpoint: "%UPSTREAM_HOST%",
          attempts: "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
          request_bytes: "%BYTES_RECEIVED%",
          response_bytes: "%BYTES_SENT%",
          first_byte_ms: "%RESPONSE_DURATION%",
          duration_ms: "%DURATION%",
        },
      },
    },
  );
}
