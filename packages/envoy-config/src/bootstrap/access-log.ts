import { because, type EnvoyObject, type EnvoyValue, extension } from "./envoy-object.ts";
import { destinationHeader, mirrorHeader, observerClusters } from "./names.ts";

/** Writes one JSON line per request to Envoy's standard output, without credentials and bodies. */
export function accessLog(lane: "primary" | "shadow"): EnvoyObject {
  const format = {
    time: "%START_TIME%",
    lane,
    ...(lane === "shadow" ? { mirror: `%REQ(${mirrorHeader})%` } : {}),
    request_id: "%REQ(X-REQUEST-ID)%",
    host: "%REQ(:AUTHORITY)%",
    method: "%REQ(:METHOD)%",
    path: "%PATH(NQ)%",
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
  };
  return extension(
    "envoy.access_loggers.stdout",
    "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
    { log_format: { json_format: format } },
  );
}

/**
 * Access logs that report to the sidecar how each picked request ended, so that it learns which endpoints fail. Errors
 * are sent immediately, all other results in batches. Each worker has one stream for each of the two. If the sidecar
 * stops reading, only their buffers fill up: Envoy drops further entries.
 */
export function answerLogs(lane: "primary" | "shadow"): readonly EnvoyObject[] {
  return [
    answerLog(lane, {
      batchBytes: because(
        "Errors are not batched: until the sidecar knows, it may pick the failing endpoint again.",
        1,
      ),
      filter: {
        or_filter: {
          filters: [status("GE", 400), { response_flag_filter: { flags: failureFlags } }],
        },
      },
    }),
    answerLog(lane, { batchBytes: 65_536, filter: status("LE", 399) }),
  ];
}

/** Response flags of answers that failed despite a success status, such as a truncated answer. */
const failureFlags: readonly string[] = ["UC", "UF", "UR", "UT", "UPE", "UMSDR", "SI"];

function answerLog(
  lane: "primary" | "shadow",
  { batchBytes, filter }: { readonly batchBytes: EnvoyValue; readonly filter: EnvoyObject },
): EnvoyObject {
  const hasPick = { header_filter: { header: { name: destinationHeader, present_match: true } } };
  return {
    ...extension(
      "envoy.access_loggers.http_grpc",
      "envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig",
      {
        common_config: {
          log_name: `umbra/${lane}`,
          transport_api_version: "V3",
          grpc_service: { envoy_grpc: { cluster_name: observerClusters[lane] } },
          buffer_flush_interval: "0.1s",
          buffer_size_bytes: batchBytes,
        },
        additional_request_headers_to_log: [
          destinationHeader,
          ...(lane === "shadow" ? [mirrorHeader] : []),
        ],
      },
    ),
    filter: { and_filter: { filters: [hasPick, filter] } },
  };
}

function status(op: "GE" | "LE", value: number): EnvoyObject {
  const key = `umbra.answer_log.status_${op.toLowerCase()}`;
  return {
    status_code_filter: { comparison: { op, value: { default_value: value, runtime_key: key } } },
  };
}
