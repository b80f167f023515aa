import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { request } from "undici";
import { freePorts } from "./ports.ts";
import { startProcess, startUmbra } from "./processes.ts";
import { until } from "./until.ts";

const envoyBinary =
  process.env.ENVOY_BIN ??
  fileURLToPath(new URL("../../.cache/envoy/1.40.0/envoy", import.meta.url));

type Json = { readonly [key: string]: unknown };
export type BodyMode =
  | "NONE"
  | "STREAMED"
  | "BUFFERED"
  | "BUFFERED_PARTIAL"
  | "FULL_DUPLEX_STREAMED";

/** One listener, as a gateway's controller configures it. */
export interface ForeignListener {
  readonly name: string;
  /** Of the request; `FULL_DUPLEX_STREAMED` when absent. */
  readonly bodyMode?: BodyMode;
  /** Of the response; as of the request when absent. */
  readonly responseMode?: BodyMode;
  /**
   * How the picked endpoint is found. `header`: an ORIGINAL_DST cluster, as Envoy AI Gateway has it. `metadata`:
   * `override_host` over the pool's endpoints, told by dynamic metadata alone.
   */
  readonly cluster: "header" | "metadata";
  /** Endpoints of the cluster, for `metadata`. */
  readonly endpoints?: readonly string[];
  /** The subset that the gateway allows. */
  readonly subset?: readonly string[];
  /** Requests continue to the next endpoint of the list where one can't be reached; false when absent. */
  readonly hasRetries?: boolean;
  /** More of the ext_proc filter. */
  readonly filter?: Json;
}

export interface ForeignGateway {
  origin(listener: string): string;
  readonly admin: string;
  /** Sums every Envoy counter or gauge whose name matches. */
  stat(pattern: RegExp): Promise<number>;
  stop(): Promise<void>;
}

export interface ForeignGatewayOptions {
  /** YAML of the pool: all that `umbra serve` gets. */
  readonly pools: string;
  /** Ports of pickers that run already, in place of an `umbra serve` of its own: those are asked whose health checks pass. */
  readonly pickers?: readonly number[];
  readonly serveFlags?: readonly string[];
  readonly listeners: readonly ForeignListener[];
}

/** An Envoy that Umbra has not rendered, before `umbra serve` as its endpoint picker, spoken to over TLS. */
export async function startForeignGateway({
  pools,
  pickers,
  serveFlags = [],
  listeners,
}: ForeignGatewayOptions): Promise<ForeignGateway> {
  const folder = mkdtempSync(join(tmpdir(), "umbra-e2e-"));
  const file = join(folder, "pools.yaml");
  writeFileSync(file, pools);
  const [grpc = 0, adminPort = 0, envoyAdmin = 0, ...ports] = await freePorts(3 + listeners.length);
  const admin = `127.0.0.1:${adminPort}`;
  const portOf = new Map(listeners.map(({ name }, i) => [name, ports[i] ?? 0]));
  const bootstrap = join(folder, "envoy.json");
  writeFileSync(
    bootstrap,
    JSON.stringify(bootstrapOf(listeners, portOf, pickers ?? [grpc], envoyAdmin)),
  );
  const sidecar =
    pickers === undefined
      ? startUmbra(
          "serve",
          ...["-f", file, "--grpc", `127.0.0.1:${grpc}`, "--grpc-tls", "self-signed"],
          ...["--admin", admin, ...serveFlags],
        )
      : undefined;
  const envoy = startProcess(
    envoyBinary,
    ...["-c", bootstrap, "--concurrency", "1", "--log-level", "warning", "--disable-hot-restart"],
  );
  const stop = async () => {
    await Promise.all([envoy.stop(), sidecar?.stop()]);
    rmSync(folder, { recursive: true, force: true });
  };
  const isReady = async () => {
    if (envoy.process.exitCode !== null) throw new Error(`Envoy ended: ${envoy.output()}`);
    const code = sidecar?.process.exitCode ?? null;
    if (code !== null) throw new Error(`it ended: ${sidecar?.output()}`);
    const asked = [
      ...(sidecar === undefined ? [] : [`http://${admin}/readyz`]),
      `http://127.0.0.1:${envoyAdmin}/ready`,
    ];
    const answers = await Promise.all(asked.map(statusOf));
    return answers.every((status) => status === 200);
  };
  await until("sidecar and Envoy are ready", isReady, 20_000).catch(async (cause: Error) => {
    await stop();
    throw cause;
  });
  return {
    origin: (name) => `http://127.0.0.1:${portOf.get(name)}`,
    admin,
    stop,
    async stat(pattern) {
      const { body } = await request(`http://127.0.0.1:${envoyAdmin}/stats?format=json`);
      const { stats } = (await body.json()) as {
        stats: readonly { name?: string; value?: number }[];
      };
      return stats
        .filter(({ name, value }) => value !== undefined && pattern.test(name ?? ""))
        .reduce((sum, { value }) => sum + (value ?? 0), 0);
    },
  };
}

async function statusOf(url: string): Promise<number> {
  try {
    const { statusCode, body } = await request(url, { signal: AbortSignal.timeout(2_000) });
    await body.dump();
    return statusCode;
  } catch {
    // Not listening yet.
    return 0;
  }
}

const destination = "x-gateway-destination-endpoint";

function typed(type: string, config: Json = {}): Json {
  return { "@type": `type.googleapis.com/${type}`, ...config };
}

function bootstrapOf(
  listeners: readonly ForeignListener[],
  portOf: ReadonlyMap<string, number>,
  pickers: readonly number[],
  envoyAdmin: number,
): Json {
  return {
    admin: { address: socket("127.0.0.1", envoyAdmin) },
    static_resources: {
      listeners: listeners.map((each) => listenerOf(each, portOf.get(each.name) ?? 0)),
      clusters: [pickerCluster(pickers), ...listeners.map(poolCluster)],
    },
  };
}

function listenerOf(listener: ForeignListener, port: number): Json {
  const { name, subset, hasRetries = false } = listener;
  const hcm = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
  const setMetadata = "envoy.extensions.filters.http.set_metadata.v3.Config";
  const hint = {
    metadata_namespace: "envoy.lb.subset_hint",
    value: { [`${destination}-subset`]: subset },
  };
  return {
    name,
    address: socket("127.0.0.1", port),
    filter_chains: [
      {
        filters: [
          {
            name: "hcm",
            typed_config: typed(hcm, {
              stat_prefix: name,
              http_protocol_options: { enable_trailers: true },
              route_config: {
                virtual_hosts: [
                  {
                    name: "all",
                    domains: ["*"],
                    routes: [
                      {
                        match: { prefix: "/" },
                        route: {
                          cluster: `pool-${name}`,
                          timeout: "20s",
                          ...(hasRetries
                            ? { retry_policy: { retry_on: "connect-failure", num_retries: 2 } }
                            : {}),
                        },
                      },
                    ],
                  },
                ],
              },
              http_filters: [
                ...(subset === undefined
                  ? []
                  : [{ name: "subset", typed_config: typed(setMetadata, { metadata: [hint] }) }]),
                { name: "picker", typed_config: extProc(listener) },
                {
                  name: "router",
                  typed_config: typed("envoy.extensions.filters.http.router.v3.Router"),
                },
              ],
            }),
          },
        ],
      },
    ],
  };
}

function extProc({
  name,
  bodyMode = "FULL_DUPLEX_STREAMED",
  responseMode = bodyMode,
  filter,
}: ForeignListener): Json {
  return typed("envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor", {
    stat_prefix: name,
    grpc_service: { envoy_grpc: { cluster_name: "picker", authority: "epp.inf.svc:9002" } },
    processing_mode: {
      request_header_mode: "SEND",
      response_header_mode: "SEND",
      request_body_mode: bodyMode,
      response_body_mode: responseMode,
      request_trailer_mode: "SEND",
      // Without it Envoy ends the stream with the answer's headers, and so the request's time in flight.
      response_trailer_mode: "SEND",
    },
    message_timeout: "5s",
    failure_mode_allow: false,
    metadata_options: {
      forwarding_namespaces: { untyped: ["envoy.lb", "envoy.lb.subset_hint"] },
      receiving_namespaces: { untyped: ["envoy.lb"] },
    },
    response_attributes: ["upstream.address"],
    ...filter,
  });
}

/** TLS that is not verified, as Envoy AI Gateway speaks to a picker. */
function pickerCluster(pickers: readonly number[]): Json {
  // Where a gateway follows EndpointSlices, its cluster has the ready pickers only.
  const probing = {
    health_checks: [
      {
        ...{
          timeout: "1s",
          interval: "0.5s",
          no_traffic_interval: "0.5s",
          unhealthy_threshold: 1,
          healthy_threshold: 1,
        },
        grpc_health_check: {},
        tls_options: { alpn_protocols: ["h2"] },
      },
    ],
    common_lb_config: { healthy_panic_threshold: { value: 0 } },
  };
  return {
    ...(pickers.length > 1 ? probing : {}),
    name: "picker",
    type: "STRICT_DNS",
    connect_timeout: "5s",
    load_assignment: assignment(
      "picker",
      pickers.map((port) => `127.0.0.1:${port}`),
    ),
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        { explicit_http_config: { http2_protocol_options: {} } },
      ),
    },
    transport_socket: {
      name: "envoy.transport_sockets.tls",
      typed_config: typed("envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", {
        common_tls_context: { validation_context: {} },
      }),
    },
  };
}

function poolCluster({ name, cluster, endpoints = [] }: ForeignListener): Json {
  const options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
  const common = {
    name: `pool-${name}`,
    connect_timeout: "1s",
    typed_extension_protocol_options: {
      [options]: typed(options, {
        explicit_http_config: { http_protocol_options: { enable_trailers: true } },
      }),
    },
  };
  if (cluster === "header") {
    return {
      ...common,
      type: "ORIGINAL_DST",
      lb_policy: "CLUSTER_PROVIDED",
      original_dst_lb_config: { use_http_header: true, http_header_name: destination },
    };
  }
  const policy = (type: string, config: Json = {}) => ({
    policies: [
      {
        typed_extension_config: {
          name: `envoy.load_balancing_policies.${type}`,
          typed_config: typed(
            `envoy.extensions.load_balancing_policies.${type}.v3.${config.type}`,
            {
              ...config,
              type: undefined,
            },
          ),
        },
      },
    ],
  });
  return {
    ...common,
    type: "STATIC",
    load_assignment: assignment(`pool-${name}`, endpoints),
    load_balancing_policy: policy("override_host", {
      type: "OverrideHost",
      override_host_sources: [{ metadata: { key: "envoy.lb", path: [{ key: destination }] } }],
      fallback_policy: policy("round_robin", { type: "RoundRobin" }),
    }),
  };
}

function assignment(name: string, endpoints: readonly string[]): Json {
  const lb = endpoints.map((each) => {
    const at = each.lastIndexOf(":");
    return { endpoint: { address: socket(each.slice(0, at), Number(each.slice(at + 1))) } };
  });
  return { cluster_name: name, endpoints: [{ lb_endpoints: lb }] };
}

function socket(address: string, port: number): Json {
  return { socket_address: { address, port_value: port } };
}
