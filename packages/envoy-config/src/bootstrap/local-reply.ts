import { type EnvoyObject, extension } from "./envoy-object.ts";
import { underscoreRefusal, unresolvedCluster } from "./names.ts";

interface EnvoyError {
  /** The condition that selects one of Envoy's own replies. */
  readonly when: EnvoyObject;
  readonly status?: number;
  readonly code: string;
  readonly anthropicType: keyof typeof openAiTypes;
  readonly message: string;
  readonly hasRetryAfter?: true;
  /** The reason for dropping the request, as defined by the endpoint picker protocol. */
  readonly dropped?: "rejected-no-endpoints";
}

/** With a parameter, so that clients which parse whatever is exactly `application/json` leave the answer to a HEAD alone: it has no body. */
const jsonType = "application/json; charset=utf-8";

/** OpenAI error types by the corresponding Anthropic type. */
const openAiTypes = {
  invalid_request_error: "invalid_request_error",
  permission_error: "invalid_request_error",
  not_found_error: "invalid_request_error",
  request_too_large: "invalid_request_error",
  api_error: "server_error",
  timeout_error: "server_error",
  overloaded_error: "server_error",
} as const;

/** Selects by `%RESPONSE_CODE_DETAILS%`, which distinguishes Envoy's replies from the sidecar's. */
function details(expression: string): EnvoyObject {
  return {
    extension_filter: extension(
      "envoy.access_loggers.extension_filters.cel",
      "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
      { expression },
    ),
  };
}

function flags(...names: readonly string[]): EnvoyObject {
  return { response_flag_filter: { flags: names } };
}

/** In order: the first match determines the reply. The codes are documented in `docs/errors.md`. */
const errors: readonly EnvoyError[] = [
  {
    when: details('response.code_details.startsWith("ext_proc_error_per-message_timeout")'),
    status: 504,
    code: "picker_timeout",
    anthropicType: "timeout_error",
    message: "no endpoint was picked in time",
    hasRetryAfter: true,
  },
  {
    when: details(
      'response.code_details.startsWith("ext_proc_error") || response.code_details.startsWith("header_mutation_") || response.code_details.startsWith("spurious_message") || response.code_details.startsWith("unhandled_message")',
    ),
    status: 503,
    code: "picker_unavailable",
    anthropicType: "api_error",
    message: "the endpoint picker can't be reached",
    hasRetryAfter: true,
  },
  {
    when: details('response.code_details == "request_payload_too_large"'),
    code: "request_too_large",
    anthropicType: "request_too_large",
    message: "the request body is larger than this gateway accepts",
  },
  {
    when: details(
      'response.code_details == "request_overall_timeout" || response.code_details == "request_header_timeout"',
    ),
    status: 408,
    code: "request_timeout",
    anthropicType: "invalid_request_error",
    message: "the request was not received in time",
  },
  {
    when: details("response.code == 431"),
    code: "headers_too_large",
    anthropicType: "request_too_large",
    message: "the request's headers are larger than this gateway accepts",
  },
  {
    when: {
      metadata_filter: {
        matcher: {
          filter: underscoreRefusal.filter,
          path: [{ key: underscoreRefusal.key }],
          value: { bool_match: true },
        },
        match_if_key_not_found: false,
      },
    },
    code: "bad_request",
    anthropicType: "invalid_request_error",
    message: "this gateway does not accept header names with an underscore",
  },
  {
    when: details(
      'response.code == 400 && (response.code_details.startsWith("http") || response.code_details in ["missing_host_header", "missing_path_rejected", "absolute_path_rejected", "path_normalization_failed"])',
    ),
    code: "bad_request",
    anthropicType: "invalid_request_error",
    message: "the request is not valid HTTP",
  },
  {
    when: details('response.code_details == "http1.invalid_transfer_encoding"'),
    code: "unsupported_transfer_encoding",
    anthropicType: "invalid_request_error",
    message: "this gateway reads no transfer coding but chunked",
  },
  {
    when: details('response.code_details == "upgrade_failed"'),
    code: "upgrade_not_supported",
    anthropicType: "permission_error",
    message:
      "this route does not support this protocol upgrade: send the request without the Upgrade header",
  },
  {
    when: details('response.code_details == "low_version"'),
    code: "http_version_not_supported",
    anthropicType: "invalid_request_error",
    message: "this gateway serves HTTP/1.1 and HTTP/2",
  },
  {
    when: details('response.code_details == "overload"'),
    code: "gateway_overloaded",
    anthropicType: "overloaded_error",
    message: "the gateway is overloaded",
    hasRetryAfter: true,
  },
  {
    when: details('response.code_details == "route_not_found"'),
    code: "unknown_url",
    anthropicType: "not_found_error",
    message: "no route serves this host and path",
  },
  {
    when: details('response.code_details == "direct_response" && response.code == 421'),
    code: "misdirected_request",
    anthropicType: "invalid_request_error",
    message: "this connection belongs to another host: open a new one",
  },
  {
    when: details('response.code_details == "direct_response" && response.code == 500'),
    code: "backend_not_resolved",
    anthropicType: "api_error",
    message: "the route's backend can't be resolved",
  },
  {
    when: details(`xds.cluster_name == "${unresolvedCluster}"`),
    status: 500,
    code: "backend_not_resolved",
    anthropicType: "api_error",
    message: "the route's backend can't be resolved",
  },
  {
    when: flags("UH"),
    code: "no_ready_endpoints",
    anthropicType: "overloaded_error",
    message: "the pool has no usable endpoint",
    hasRetryAfter: true,
    dropped: "rejected-no-endpoints",
  },
  {
    when: flags("UT", "SI", "DT"),
    code: "upstream_timeout",
    anthropicType: "timeout_error",
    message: "the model server did not answer in time",
  },
  {
    when: flags("UPE"),
    status: 502,
    code: "upstream_protocol_error",
    anthropicType: "api_error",
    message: "the model server's answer is not valid HTTP",
  },
  {
    when: flags("UF", "UO", "URX", "UC", "UR", "LR", "NC"),
    code: "upstream_unavailable",
    anthropicType: "overloaded_error",
    message: "the model server can't be reached",
    hasRetryAfter: true,
  },
];

/** Formats every reply of Envoy's own in the API style of its path: Anthropic's for messages, else OpenAI's. */
export function localReplies(): EnvoyObject {
  return { mappers: errors.flatMap((error) => [messagesMapper(error), mapper(error)]) };
}

function mapper(error: EnvoyError): EnvoyObject {
  const { when, code, anthropicType, message } = error;
  const type = openAiTypes[anthropicType];
  return shaped(error, when, { error: { message, type, param: null, code } });
}

function messagesMapper(error: EnvoyError): EnvoyObject {
  const { when, anthropicType, message } = error;
  const filter = { and_filter: { filters: [isMessages, when] } };
  return shaped(error, filter, { type: "error", error: { type: anthropicType, message } });
}

/** If Envoy could not read the path, the reply has OpenAI's style. */
const isMessages: EnvoyObject = {
  header_filter: {
    header: {
      name: ":path",
      string_match: { safe_regex: { regex: "[^?]*/v1/messages([/?].*)?" } },
    },
  },
};

function shaped(
  { status, hasRetryAfter, dropped }: EnvoyError,
  filter: EnvoyObject,
  json: EnvoyObject,
): EnvoyObject {
  const headers = [
    ...(hasRetryAfter === true ? [{ key: "retry-after", value: "1" }] : []),
    ...(dropped === undefined ? [] : [{ key: "x-llm-d-request-dropped-reason", value: dropped }]),
  ];
  return {
    filter,
    ...(status === undefined ? {} : { status_code: status }),
    body_format_override: { json_format: json, content_type: jsonType },
    ...(headers.length === 0 ? {} : { headers_to_add: headers.map((header) => ({ header })) }),
  };
}
