import type { PickMode, Topology } from "../topology.ts";
import { discoveryType } from "./address.ts";
import { type EnvoyObject, extension, typed } from "./envoy-object.ts";
import {
  destinationHeader,
  encodeMirrors,
  observerClusters,
  pickerCluster,
  streamMetadata,
} from "./names.ts";
import type { BootstrapOptions } from "./options.ts";
import { notTheSameHost } from "./retry-policy.ts";
import { timeSetting } from "./setting.ts";
import { sidecarCall } from "./sidecar-call.ts";

export type Lane = "primary" | "shadow";

export const pickFilter = "umbra.pick";
export const observeFilter = "umbra.observe";
const extProc = "envoy.extensions.filters.http.ext_proc.v3";

/** Creates an ext_proc filter. It is disabled until a route enables it, so that requests without a model server need no stream. */
export function extProcFilter(name: string, fields: EnvoyObject): EnvoyObject {
  return { ...extension(name, `${extProc}.ExternalProcessor`, fields), disabled: true };
}

/** Per-route settings of such a filter, which also enable it. */
export function extProcOverrides(overrides: EnvoyObject): EnvoyObject {
  return typed(`${extProc}.ExtProcPerRoute`, { overrides });
}

/** The headers that the pick may change in requests and in its own error replies. */
const mutableHeaders: Readonly<Record<Lane, string>> = {
  // `content-…` because rewriting the model changes the length, and decoding removes the encoding. Envoy does not accept long expressions.
  primary: `${destinationHeader}|x-(umbra|llm-d)-.*|x-request-id|trace.*|content-.*|retry-after`,
  shadow: `${destinationHeader}|x-(llm-d-.*|request-id)|trace.*|content-(length|type)|retry-after`,
};

/** Headers of answers by which servers say that they refuse. */
export function answerHeaders({ mirrors }: Pick<Topology, "mirrors">): readonly string[] {
  const names = mirrors.flatMap(({ evaluation }) => evaluation.comparison?.refusalHeader ?? []);
  return [...new Set(names)].toSorted();
}

/** Header matchers: an exact name, or a prefix if the name ends with `*`. */
function patterns(...names: readonly string[]): readonly EnvoyObject[] {
  return names.map((name) =>
    name.endsWith("*") ? { prefix: name.slice(0, -1) } : { exact: name },
  );
}

/** The headers that a pick uses. Credentials and cookies stay in Envoy. */
const headersForPick = [
  ...[":*", "content-*", "x-request-id", "x-umbra-*", "x-gateway-*", "x-llm-d-*", "x-session-*"],
  ...["x-slo-*", "session-id", "session_id", "epp-profile", "traceparent", "tracestate"],
];

const headersForObserve = [
  ...[":path", ":method", ":status", "content-*", "x-request-id", destinationHeader, "x-umbra-*"],
];

/**
 * Creates the filter that asks the sidecar for an endpoint.
 *
 * The body mode is BUFFERED unless a route overrides it. It is the only mode with a body in which FailOpen and the
 * time limit for answers work. The response phase is skipped, so that a picker that dies does not cut off running
 * answers.
 *
 * @param headers names of the headers that the resources use for picks
 */
export function pick(
  lane: Lane,
  options: BootstrapOptions,
  headers: readonly string[],
): EnvoyObject {
  return extProcFilter(pickFilter, {
    stat_prefix: `pick_${lane}`,
    grpc_service: {
      envoy_grpc: sidecarCall(pickerCluster),
      retry_policy: {
        retry_on: "connect-failure,refused-stream,unavailable,reset",
        num_retries: 3,
        retry_back_off: { base_interval: "0.01s", max_interval: "0.05s" },
        ...otherSidecar(options),
      },
    },
    processing_mode: processingModes.buffered,
    message_timeout: timeSetting(options, "pickTimeoutMs"),
    // For queued requests: the sidecar asks for more time then.
    max_message_timeout: timeSetting(options, "maxQueueMs"),
    failure_mode_allow: lane === "shadow",
    status_on_error: { code: "ServiceUnavailable" },
    mutation_rules: {
      disallow_all: true,
      allow_expression: { regex: mutableHeaders[lane] },
      disallow_is_error: true,
    },
    forward_rules: {
      allowed_headers: {
        patterns: [
          ...patterns(...headersForPick, ...headers),
          // What refuses headers must see them.
          ...(refusesUnderscores(lane, options) ? [{ contains: "_" }] : []),
        ],
      },
    },
  });
}

/**
 * Retries a pick on another sidecar, if the address is a name that may have several. Envoy hashes the whole
 * `grpc_service` for each request, and this predicate takes most of that time.
 */
function otherSidecar({ sidecar }: BootstrapOptions): EnvoyObject {
  return discoveryType(sidecar) === "STATIC"
    ? {}
    : { retry_host_predicate: [notTheSameHost], host_selection_retry_max_attempts: 5 };
}

function refusesUnderscores(lane: Lane, { underscores }: BootstrapOptions): boolean {
  return lane === "primary" && underscores === "Reject";
}

const skipped: EnvoyObject = {
  request_header_mode: "SEND",
  request_body_mode: "NONE",
  request_trailer_mode: "SKIP",
  response_header_mode: "SKIP",
  response_body_mode: "NONE",
  response_trailer_mode: "SKIP",
};

/**
 * What Envoy sends in each mode. Requesting response trailers keeps the stream open until the request ends, where
 * Envoy would otherwise close it after the pick. So the sidecar knows which requests are in flight. Model servers send
 * no trailers, so this causes no extra messages.
 */
export const processingModes: Readonly<Record<PickMode, EnvoyObject>> = {
  headers: { ...skipped, response_trailer_mode: "SEND" },
  buffered: { ...skipped, request_body_mode: "BUFFERED" },
  duplex: {
    ...skipped,
    request_body_mode: "FULL_DUPLEX_STREAMED",
    request_trailer_mode: "SEND",
    response_trailer_mode: "SEND",
  },
};

/**
 * Creates the filter that sends copies of requests and answers to the sidecar's recorder. It never waits.
 *
 * @param headers names of the answers' headers that the resources use
 */
export function observe(lane: Lane, headers: readonly string[]): EnvoyObject {
  return extProcFilter(observeFilter, {
    stat_prefix: `observe_${lane}`,
    grpc_service: { envoy_grpc: sidecarCall(observerClusters[lane]) },
    observability_mode: true,
    failure_mode_allow: true,
    deferred_close_timeout: "1s",
    processing_mode: {
      ...skipped,
      response_header_mode: "SEND",
      response_body_mode: "STREAMED",
      // The trailers contain how long the shadow's bandwidth limit delayed its answer.
      ...(lane === "shadow" ? { response_trailer_mode: "SEND" } : {}),
    },
    response_attributes: [
      "upstream.address",
      "upstream.request_attempt_count",
      "response.code_details",
    ],
    forward_rules: { allowed_headers: { patterns: patterns(...headersForObserve, ...headers) } },
  });
}

export interface RouteStreams {
  readonly lane: Lane;
  readonly pool: string;
  readonly mirrors: readonly string[];
  /** `Route.name` if the route rewrites paths. */
  readonly rewrittenBy?: string | undefined;
  readonly isPicked: boolean;
  readonly isFailOpen: boolean;
  readonly pickMode: PickMode;
  /** Headers with an underscore that may pass. */
  readonly knownUnderscores: readonly string[];
}

/**
 * Per-route configuration of both filters: the pool, and what to do on failure. All metadata is here and none in the
 * filter, and only what the route needs: Envoy merges and hashes it for each request, some 15,000 instructions an entry.
 */
export function routeStreams(streams: RouteStreams, options: BootstrapOptions): EnvoyObject {
  if (options.plainMirror) return {};
  const { lane, mirrors, pickMode } = streams;
  const metadata = [
    { key: streamMetadata.lane, value: lane },
    { key: streamMetadata.pool, value: streams.pool },
    ...(mirrors.length > 0 ? [{ key: streamMetadata.mirrors, value: encodeMirrors(mirrors) }] : []),
  ];
  const pickOverrides = {
    grpc_initial_metadata: [...metadata, ...pickMetadata(streams, options)],
    failure_mode_allow: streams.isFailOpen,
    // The filter's default.
    ...(pickMode === "buffered" ? {} : { processing_mode: processingModes[pickMode] }),
  };
  return {
    ...(streams.isPicked ? { [pickFilter]: extProcOverrides(pickOverrides) } : {}),
    // Without a twin, there is nothing to compare.
    ...(options.observe && mirrors.length > 0
      ? { [observeFilter]: extProcOverrides({ grpc_initial_metadata: metadata }) }
      : {}),
  };
}

/** Metadata that only a pick needs. */
function pickMetadata(
  { lane, rewrittenBy, knownUnderscores }: RouteStreams,
  options: BootstrapOptions,
): readonly EnvoyObject[] {
  return [
    ...(rewrittenBy === undefined ? [] : [{ key: streamMetadata.rewrittenBy, value: rewrittenBy }]),
    ...(refusesUnderscores(lane, options)
      ? [{ key: streamMetadata.underscores, value: plain(knownUnderscores.join(",")) }]
      : []),
  ];
}

/** Escapes a text in which Envoy replaces commands such as `%START_TIME%`. Header names may contain `%`. */
function plain(text: string): string {
  return text.replaceAll("%", "%%");
}
