import { type EnvoyObject, extension } from "./envoy-object.ts";
import { unresolvedCluster } from "./names.ts";

interface EnvoyError {
  /** Which of Envoy's own replies this is. */
  readonly when: EnvoyObject;
  readonly status?: number;
  readonly code: string;
  readonly type: "invalid_request_error" | "server_error";
  readonly message: string;
  readonly hasRetryAfter?: true;
}

/** Selects by `%RESPONSE_CODE_DETAILS%`, which tells Envoy's replies from the sidecar's. */
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

/** In order: the first that matches shapes the reply. Codes are those of `docs/errors.md`. */
const errors: readonly EnvoyError[] = [
  {
    when: details('response.code_details.startsWith("ext_proc_error_per-message_timeout")'),
    status: 504,
    code: "picker_timeout",
    type: "server_error",
    message: "no endpoint was picked in time",
    hasRetryAfter: true,
  },
  {
    when: details(
      'response.code_details.startsWith("ext_proc_error") || response.code_details.startsWith("header_mutation_") || response.code_details.startsWith("spurious_message") || response.code_details.startsWith("unhandled_message")',
    ),
    status: 503,
    code: "picker_unavailable",
    type: "server_error",
    message: "the endpoint picker can't be reached",
    hasRetryAfter: true,
  },
  {
    when: details('response.code_details == "request_payload_too_large"'),
    code: "request_too_large",
    type: "invalid_request_error",
    message: "the request body is larger than this gateway accepts",
  },
  {
    when: details(
      'response.code_details == "request_overall_timeout" || response.code_details == "request_header_timeout"',
    ),
    status: 408,
    code: "request_timeout",
    type: "invalid_request_error",
    message: "the request was not received in time",
  },
  {
    when: details("response.code == 431"),
    code: "headers_too_large",
    type: "invalid_request_error",
    message: "the request's headers are larger than this gateway accepts",
  },
  {
    when: details('response.code == 400 && response.code_details.startsWith("http")'),
    code: "bad_request",
    type: "invalid_request_error",
    message: "the request is not HTTP as this gateway accepts it",
  },
  {
    when: details('response.code_details == "overload"'),
    code: "gateway_overloaded",
    type: "server_error",
    message: "the gateway is at its limit",
    hasRetryAfter: true,
  },
  {
    when: details('response.code_details == "route_not_found"'),
    code: "unknown_url",
    type: "invalid_request_error",
    message: "no route serves this host and path",
  },
  {
    when: details('response.code_details == "direct_response" && response.code == 421'),
    code: "misdirected_request",
    type: "invalid_request_error",
    message: "this connection was made for another host: make a new one",
  },
  {
    when: details('response.code_details == "direct_response" && response.code == 500'),
    code: "backend_not_resolved",
    type: "server_error",
    message: "the route's backend can't be resolved",
  },
  {
    when: details(`xds.cluster_name == "${unresolvedCluster}"`),
    status: 500,
    code: "backend_not_resolved",
    type: "server_error",
    message: "the route's backend can't be resolved",
  },
  {
    when: flags("UH"),
    code: "no_ready_endpoints",
    type: "server_error",
    message: "the pool has no endpoint that can be used",
    hasRetryAfter: true,
  },
  {
    when: flags("UT", "SI", "DT"),
    code: "upstream_timeout",
    type: "server_error",
    message: "the model server did not answer in time",
  },
  {
    when: flags("UF", "UO", "URX", "UC"),
    code: "upstream_unavailable",
    type: "server_error",
    message: "the model server can't be reached",
    hasRetryAfter: true,
  },
];

/** Gives every reply that Envoy makes itself the shape of OpenAI's errors. */
export function localReplies(): EnvoyObject {
  return { mappers: errors.map(mapper) };
}

function mapper({ when, status, code, type, message, hasRetryAfter }: EnvoyError): EnvoyObject {
  return {
    filter: when,
    ...(status === undefined ? {} : { status_code: status }),
    body_format_override: { json_format: { error: { message, type, param: null, code } } },
    ...(hasRetryAfter ? { headers_to_add: [{ header: { key: "retry-after", value: "1" } }] } : {}),
  };
}
