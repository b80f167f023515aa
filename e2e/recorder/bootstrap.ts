/** How a filter is configured, and what is asked of it. */
export interface RecordedMode {
  readonly name: string;
  readonly processingMode: Readonly<Record<string, string>>;
  readonly isCopy?: boolean;
  /** Envoy ends its streams by half-closing them, as our own bootstrap tells it. */
  readonly isGraceful?: boolean;
  readonly cases: readonly string[];
}

const bodies = ["get", "post", "chunked", "empty-body", "large", "trailers", "refused", "abort"];
const sent = {
  request_header_mode: "SEND",
  request_trailer_mode: "SKIP",
  response_header_mode: "SKIP",
  response_body_mode: "NONE",
  response_trailer_mode: "SKIP",
};
const bothWays = {
  request_header_mode: "SEND",
  request_trailer_mode: "SEND",
  response_header_mode: "SEND",
  response_trailer_mode: "SEND",
};

export const recordedModes: readonly RecordedMode[] = [
  {
    name: "none",
    processingMode: { ...sent, request_body_mode: "NONE" },
    cases: ["get", "post", "refused"],
  },
  {
    name: "none-held",
    processingMode: { ...sent, request_body_mode: "NONE", response_trailer_mode: "SEND" },
    cases: ["get", "post", "trailers", "abort"],
  },
  {
    name: "buffered",
    processingMode: { ...sent, request_body_mode: "BUFFERED" },
    cases: [...bodies, "rewritten", "too-large", "abort-in-body"],
  },
  {
    name: "buffered-graceful",
    processingMode: { ...sent, request_body_mode: "BUFFERED" },
    isGraceful: true,
    cases: ["get", "post", "refused", "abort", "abort-in-body", "too-large"],
  },
  {
    name: "buffered-both-ways",
    processingMode: {
      ...bothWays,
      request_body_mode: "BUFFERED",
      response_body_mode: "BUFFERED",
    },
    cases: ["get", "post", "trailers", "stream"],
  },
  {
    name: "buffered-partial",
    processingMode: { ...sent, request_body_mode: "BUFFERED_PARTIAL" },
    cases: [...bodies, "too-large"],
  },
  {
    name: "streamed",
    processingMode: {
      ...bothWays,
      request_body_mode: "STREAMED",
      response_body_mode: "STREAMED",
    },
    cases: [...bodies, "stream"],
  },
  {
    name: "full-duplex",
    processingMode: {
      ...bothWays,
      request_body_mode: "FULL_DUPLEX_STREAMED",
      response_body_mode: "FULL_DUPLEX_STREAMED",
    },
    cases: [...bodies, "rewritten", "too-large", "abort-in-body", "stream"],
  },
  {
    name: "full-duplex-graceful",
    processingMode: {
      ...sent,
      request_body_mode: "FULL_DUPLEX_STREAMED",
      request_trailer_mode: "SEND",
      response_trailer_mode: "SEND",
    },
    isGraceful: true,
    cases: ["get", "post", "chunked", "trailers", "refused", "abort", "abort-in-body"],
  },
  {
    name: "observe",
    processingMode: {
      ...bothWays,
      request_body_mode: "STREAMED",
      response_body_mode: "STREAMED",
    },
    isCopy: true,
    cases: ["get", "post", "chunked", "large", "trailers", "abort", "stream"],
  },
];

/** Envoy holds no more than this of a body; what is longer is cut, or refused. */
export const bufferBytes = 65_536;

type Json = string | number | boolean | readonly Json[] | { readonly [key: string]: Json };

/** A listener for each of the modes, a cluster for the model server, one for the picker. How streams end is the whole Envoy's affair. */
export function recorderBootstrap(
  modes: readonly RecordedMode[],
  isGraceful: boolean,
  ports: {
    readonly byMode: ReadonlyMap<string, number>;
    readonly picker: number;
    readonly upstream: string;
  },
): Json {
  const [host = "", port = ""] = ports.upstream.split(":");
  const guard = { "envoy.reloadable_features.ext_proc_graceful_grpc_close": isGraceful };
  return {
    layered_runtime: { layers: [{ name: "recorder", static_layer: guard }] },
    static_resources: {
      listeners: modes.map((mode) => listener(mode, ports.byMode.get(mode.name) ?? 0)),
      clusters: [
        cluster("upstream", host, Number(port), {
          http_protocol_options: { enable_trailers: true },
        }),
        cluster("picker", "127.0.0.1", ports.picker, { http2_protocol_options: {} }),
      ],
    },
  };
}

function listener({ name, processingMode, isCopy = false }: RecordedMode, port: number): Json {
  return {
    name,
    address: { socket_address: { address: "127.0.0.1", port_value: port } },
    per_connection_buffer_limit_bytes: bufferBytes,
    filter_chains: [
      {
        filters: [
          extension(
            "envoy.filters.network.http_connection_manager",
            "filters.network.http_connection_manager.v3.HttpConnectionManager",
            {
              stat_prefix: name,
              generate_request_id: false,
              http_protocol_options: { enable_trailers: true },
              route_config: {
                virtual_hosts: [
                  {
                    name: "all",
                    domains: ["*"],
                    routes: [
                      { match: { prefix: "/" }, route: { cluster: "upstream", timeout: "60s" } },
                    ],
                  },
                ],
              },
              http_filters: [subsetHint, extProc(name, processingMode, isCopy), router],
            },
          ),
        ],
      },
    ],
  };
}

/** What a gateway says of the endpoints that may be picked. */
const subsetHint = extension(
  "envoy.filters.http.set_metadata",
  "filters.http.set_metadata.v3.Config",
  {
    metadata: [
      {
        metadata_namespace: "envoy.lb.subset_hint",
        value: { "x-gateway-destination-endpoint-subset": ["127.77.0.1:8000"] },
      },
    ],
  },
);

function extProc(name: string, processingMode: Readonly<Record<string, string>>, isCopy: boolean) {
  return extension("envoy.filters.http.ext_proc", "filters.http.ext_proc.v3.ExternalProcessor", {
    grpc_service: {
      envoy_grpc: { cluster_name: "picker" },
      initial_metadata: [{ key: "x-mode", value: name }],
    },
    message_timeout: "20s",
    processing_mode: processingMode,
    observability_mode: isCopy,
    allow_mode_override: false,
    metadata_options: { forwarding_namespaces: { untyped: ["envoy.lb.subset_hint"] } },
    request_attributes: ["request.path"],
    ...(processingMode.response_header_mode === "SEND"
      ? { response_attributes: ["upstream.address"] }
      : {}),
  });
}

const router = extension("envoy.filters.http.router", "filters.http.router.v3.Router", {
  suppress_envoy_headers: true,
});

function cluster(name: string, address: string, port: number, protocol: Json): Json {
  return {
    name,
    type: "STATIC",
    connect_timeout: "5s",
    load_assignment: {
      cluster_name: name,
      endpoints: [
        {
          lb_endpoints: [
            { endpoint: { address: { socket_address: { address, port_value: port } } } },
          ],
        },
      ],
    },
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        explicit_http_config: protocol,
      },
    },
  };
}

function extension(name: string, type: string, config: { readonly [key: string]: Json }) {
  return {
    name,
    typed_config: { "@type": `type.googleapis.com/envoy.extensions.${type}`, ...config },
  };
}
