import { because, type EnvoyObject, extension } from "./envoy-object.ts";
import { destinationHeader, mirrorHeader, observerCluster } from "./names.ts";

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

/**
 * Tells the sidecar how each picked request ended: that is how it learns which endpoints fail. Batches on one stream for
 * each worker; a sidecar that takes none costs the buffer, and entries past it are dropped.
 */
export function answerLog(lane: "primary" | "shadow"): EnvoyObject {
  return {
    ...extension(
      "envoy.access_loggers.http_grpc",
      "envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig",
      {
        common_config: {
          log_name: `umbra/${lane}`,
          transport_api_version: "V3",
          grpc_service: { envoy_grpc: { cluster_name: observerCluster } },
          buffer_flush_interval: because(
            "An endpoint that fails gets requests until the sidecar hears of it.",
            "0.02s",
          ),
          buffer_size_bytes: 65_536,
        },
        additional_request_headers_to_log: [
          destinationHeader,
          ...(lane === "shadow" ? [mirrorHeader] : []),
        ],
      },
    ),
    // Requests that nobody has picked for say nothing that the sidecar could use.
    filter: { header_filter: { header: { name: destinationHeader, present_match: true } } },
  };
}
