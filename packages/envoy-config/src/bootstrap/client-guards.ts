import type { EnvoySettings } from "../envoy-settings.ts";
import type { Topology } from "../topology.ts";
import { because, builtIn, type EnvoyObject } from "./envoy-object.ts";
import { controlHeaders, noJudgeHeaders, reservedHeaderPrefixes } from "./names.ts";
import type { BootstrapOptions } from "./options.ts";
import { setting, timeSetting } from "./setting.ts";
import { droppedUnderscores } from "./underscores.ts";

/** Fields of a connection manager that clients can reach: limits on requests, and normalization before a route is matched. */
export function clientGuards(topology: Topology, options: BootstrapOptions): EnvoyObject {
  return {
    common_http_protocol_options: {
      idle_timeout: timeSetting(options, "connectionIdleTimeoutMs"),
      ...headerLimit(options),
    },
    http_protocol_options: {
      accept_http_10: because("nginx uses HTTP/1.0 for its upstreams by default.", true),
      default_host_for_http_10: because(
        "HTTP/1.0 does not require a Host header: a request without one gets this host.",
        "localhost",
      ),
    },
    http2_protocol_options: {
      max_concurrent_streams: setting(options, "maxStreams"),
      initial_stream_window_size: setting(options, "streamWindowBytes", window),
      initial_connection_window_size: setting(options, "connectionWindowBytes", window),
    },
    max_request_headers_kb: setting(options, "maxHeaderBytes", (bytes) => Math.ceil(bytes / 1024)),
    request_headers_timeout: timeSetting(options, "headersTimeoutMs"),
    request_timeout: timeSetting(options, "requestTimeoutMs"),
    stream_idle_timeout: timeSetting(options, "streamIdleTimeoutMs"),
    stream_flush_timeout: timeSetting(options, "flushTimeoutMs"),
    use_remote_address: because(
      "Envoy is the edge: it sets x-forwarded-for and x-request-id itself and ignores the client's.",
      true,
    ),
    // Absent for 0 hops: then only the connection's address counts.
    ...(options.trustedHops === 0 ? {} : { xff_num_trusted_hops: setting(options, "trustedHops") }),
    normalize_path: because(
      "A route that matches /a must also match /b/../a, because both reach the same path of a model server.",
      true,
    ),
    merge_slashes: because("And //a is /a.", true),
    path_with_escaped_slashes_action: setting(options, "escapedSlashes", (each) => slashes[each]),
    server_header_transformation: because(
      "The model server's own header is kept; Envoy does not add its name.",
      "PASS_THROUGH",
    ),
    early_header_mutation_extensions: because(
      "Only the sidecar may set headers that control picks and mirrors: those from clients are removed before any filter sees them.",
      [withoutClientsHeaders(topology, options), ...droppedUnderscores(topology, options)],
    ),
  };
}

const slashes: Readonly<Record<EnvoySettings["escapedSlashes"], string>> = {
  Redirect: "UNESCAPE_AND_REDIRECT",
  Unescape: "UNESCAPE_AND_FORWARD",
  Reject: "REJECT_REQUEST",
  Keep: "KEEP_UNCHANGED",
};

/** The smallest initial window that HTTP/2 allows. */
function window(bytes: number): number {
  return Math.max(65_535, bytes);
}

/** Header limits of a connection manager or an upstream. */
export function headerLimit(options: BootstrapOptions): EnvoyObject {
  return { max_headers_count: setting(options, "maxHeaders") };
}

/** Headers in which a proxy describes the client's request. Envoy writes `x-forwarded-for` and `x-forwarded-proto` itself. */
const forwardedHeaders = ["forwarded", "x-forwarded-host", "x-forwarded-port", "x-real-ip"];

/** Passes the header on by its other name, only where a judge model is asked. */
function keptNoJudge({ mirrors }: Topology): readonly EnvoyObject[] {
  if (mirrors.every(({ evaluation }) => evaluation.judge === undefined)) return [];
  const [reserved, key] = noJudgeHeaders;
  const header = { key, value: `%REQ(${reserved})%` };
  return [{ append: { header, append_action: "OVERWRITE_IF_EXISTS_OR_ADD" } }];
}

function withoutClientsHeaders(topology: Topology, options: BootstrapOptions): EnvoyObject {
  const reserved = reservedHeaderPrefixes.map((prefix) => ({
    remove_on_match: { key_matcher: { prefix } },
  }));
  const forwarded = options.trustedHops > 0 ? [] : forwardedHeaders;
  return builtIn("http.early_header_mutation.header_mutation", "HeaderMutation", {
    mutations: setting(options, "controlHeaders", (each) => {
      const control = each === "Trust" ? [] : Object.values(controlHeaders).flat();
      return [
        ...keptNoJudge(topology),
        ...reserved,
        ...[...control, ...forwarded].map((remove) => ({ remove })),
      ];
    }),
  });
}
