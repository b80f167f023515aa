import type { EnvoySettings } from "./envoy-settings.ts";
import type { JsonValue, MirrorSettings } from "./mirror-policy.ts";
import type { ResourceRef } from "./resource-ref.ts";

/**
 * The topology: the meaning of the resources, as plain data. Reading YAML produces it; rendering, serving and
 * simulating use it. All references are resolved, and all defaults are filled in.
 */
export interface Topology {
  /** Version of this format; incremented when a field changes its meaning. */
  readonly version: 3;
  /** Sorted by name. */
  readonly listeners: readonly Listener[];
  /** Every pool that a route or a mirror uses, and unused InferencePools. Sorted by name. */
  readonly pools: readonly Pool[];
  /** Each mirror of a route, once, in the order of the routes. */
  readonly mirrors: readonly Mirror[];
  /** Model servers that a Deployment describes, for `umbra simulate` and `umbra demo`. */
  readonly modelServers: readonly ModelServer[];
  readonly envoy: EnvoyConfiguration;
}

/** Configuration of Envoy as a whole. */
export interface EnvoyConfiguration {
  readonly settings: EnvoySettings;
  /** Changes to the rendered bootstrap, from an EnvoyProxy's `bootstrap`. */
  readonly bootstrap?: BootstrapChange;
}

export type BootstrapChange =
  /** Merged into the rendered bootstrap. */
  | { readonly kind: "merge"; readonly value: JsonMap }
  /** Replaces everything except the listeners and clusters. */
  | { readonly kind: "replace"; readonly value: JsonMap }
  /** Applies the operations in order. */
  | { readonly kind: "patch"; readonly operations: readonly PatchOperation[] };

export type JsonMap = Readonly<Record<string, JsonValue>>;

/** A JSON Patch operation (RFC 6902). */
export interface PatchOperation {
  readonly op: "add" | "remove" | "replace" | "move" | "copy" | "test";
  /** A JSON Pointer into the bootstrap. */
  readonly path: string;
  readonly from?: string;
  readonly value?: JsonValue;
}

/** A port for clients. Listeners of several Gateways on one port are merged into one. */
export interface Listener {
  /**
   * `<address>:<port>`, with TLS `<address>:<port>/<hostname>`, so that no Gateway that shares it can rename it; without
   * Gateways `http`. It is also the name of its routes.
   */
  readonly name: string;
  /** The Gateways' listeners that share it, sorted; empty: it is not of a Gateway. */
  readonly serves: readonly ListenerRef[];
  /** IP address to listen on; by default `0.0.0.0`. */
  readonly address: string;
  readonly port: number;
  /** Absent: plain HTTP. Listeners with TLS can share a port if each has its own name. */
  readonly tls?: ListenerTls;
  /** Exact domains first, then longest wildcard, then `*`. */
  readonly virtualHosts: readonly VirtualHost[];
}

/** A listener of a Gateway. */
export interface ListenerRef {
  readonly gateway: ResourceRef;
  readonly listener: string;
}

/** TLS termination of a listener. Contains only the names of certificates, because a topology is printed and keys must not be. */
export interface ListenerTls {
  /** Server name in the TLS handshake, `chat.example.com` or `*.example.com`; absent: any or none. */
  readonly serverName?: string;
  /** Their Secrets, `<namespace>/<name>`. */
  readonly certificates: readonly string[];
}

export interface VirtualHost {
  readonly name: string;
  /** In Envoy's form: `example.com`, `*.example.com` or `*`. */
  readonly domains: readonly string[];
  /** In order of precedence: the first that matches is taken. */
  readonly routes: readonly Route[];
}

/** One match of one rule of an HTTPRoute, or one backend's share of it. */
export interface Route {
  /** Unique among routes; appears in Envoy's log. Built from `origin`, which has the same information as data. */
  readonly name: string;
  readonly origin: RouteOrigin;
  readonly match: RouteMatch;
  /** Absent: every request that matches. */
  readonly share?: RouteShare;
  readonly requestHeaders: HeaderModifier;
  readonly responseHeaders: HeaderModifier;
  readonly rewrite?: UrlRewrite;
  /** Whole request, in ms; absent: no limit. */
  readonly timeoutMs?: number;
  /** One attempt at an endpoint, in ms; absent: no limit. */
  readonly backendTimeoutMs?: number;
  /** Absent: no CORS headers. */
  readonly cors?: CorsPolicy;
  /** Absent: each request of a client may get another endpoint. */
  readonly session?: Session;
  /** Absent: only requests that no endpoint has started to process are retried. */
  readonly retry?: Retry;
  readonly action: RouteAction;
  /** Names of mirrors of the topology. */
  readonly mirrors: readonly string[];
  /** Pick mode of the route's requests: the most demanding mode of its pools. */
  readonly pickMode: PickMode;
}

/** The part of an HTTPRoute from which a route was built. Indexes start at 0. */
export interface RouteOrigin {
  readonly route: ResourceRef;
  readonly rule: number;
  /** Absent: the rule has no name. */
  readonly ruleName?: string;
  readonly match: number;
  /** The backend whose share the route has; absent: the route has all requests that match. */
  readonly backend?: number;
}

/**
 * What Envoy sends to the picker. `headers`: only the headers. `buffered`: the whole body at once; the picker returns
 * it only if it changed it. `duplex`: the body in pieces, all of which the picker returns.
 */
export type PickMode = "headers" | "buffered" | "duplex";

/** CORS settings for requests from other origins. */
export interface CorsPolicy {
  /** `https://chat.example.com`, `https://*.example.com` or `*`. */
  readonly origins: readonly string[];
  readonly methods: readonly string[];
  readonly headers: readonly string[];
  readonly exposedHeaders: readonly string[];
  readonly allowsCredentials: boolean;
  readonly maxAgeS: number;
}

/** Session persistence: the client stores the endpoint of its last request, which is used while it exists. */
export interface Session {
  readonly kind: "cookie" | "header";
  /** Name of the cookie or header. */
  readonly name: string;
  /** Lifetime of the cookie; absent: until the browser closes. */
  readonly ttlMs?: number;
}

/** Additional retries (GEP-1731). Requests that no endpoint has started to process are always retried. */
export interface Retry {
  /** Status codes to retry, sorted. Broken and timed-out connections are always included. */
  readonly codes: readonly number[];
  readonly attempts: number;
  /** Initial back-off between attempts, in ms; absent: Envoy's default. */
  readonly backoffMs?: number;
}

/**
 * The share of a backend that has its own rewrite, redirect or mirror. A rule with such a backend has one route per
 * backend. A request draws one random number from 0 to 999,999, which selects one of the routes of its match.
 */
export interface RouteShare {
  /** First number of the range. */
  readonly from: number;
  /** End of the range (exclusive); 1,000,000 in the last route. */
  readonly to: number;
}

export interface RouteMatch {
  readonly path: { readonly kind: "exact" | "prefix" | "regex"; readonly value: string };
  readonly method?: string;
  readonly headers: readonly ValueMatch[];
  readonly queryParams: readonly ValueMatch[];
}

export interface ValueMatch {
  /** Lower case for headers. */
  readonly name: string;
  readonly kind: "exact" | "regex";
  readonly value: string;
}

export interface HeaderModifier {
  readonly set: readonly HeaderEntry[];
  readonly add: readonly HeaderEntry[];
  readonly remove: readonly string[];
}

export interface HeaderEntry {
  readonly name: string;
  readonly value: string;
}

export interface UrlRewrite {
  readonly hostname?: string;
  readonly path?: {
    readonly kind: "replaceFullPath" | "replacePrefixMatch";
    readonly value: string;
  };
}

export type RouteAction =
  | { readonly kind: "forward"; readonly backends: readonly Backend[] }
  | {
      readonly kind: "redirect";
      readonly scheme?: string;
      readonly hostname?: string;
      /** Always set: by default the scheme's port, and without a scheme the listener's. */
      readonly port: number;
      readonly path?: UrlRewrite["path"];
      readonly statusCode: number;
    };

/** Changes for one backend only, applied after the route's changes. */
export interface BackendFilters {
  readonly requestHeaders: HeaderModifier;
  readonly responseHeaders: HeaderModifier;
  /** Replaces the Host header, and overrides the route's rewrite. */
  readonly hostname?: string;
}

/** A weighted backend. An unresolved backend answers its share with 500. */
export type Backend =
  | {
      readonly kind: "pool";
      readonly pool: string;
      readonly weight: number;
      readonly filters?: BackendFilters;
    }
  | {
      readonly kind: "invalid";
      readonly weight: number;
      /** Reason as in a controller's condition, e.g. `BackendNotFound`. */
      readonly reason: string;
      readonly message: string;
    };

/** Sends a twin of each mirrored request to one endpoint of `pool`. */
export interface Mirror extends MirrorSettings {
  /** Unique among mirrors; part of Envoy's cluster names. Built from `origin`, which has the same information as data. */
  readonly name: string;
  readonly origin: MirrorOrigin;
  readonly pool: string;
  /** Share of requests, 0 to 1,000,000. */
  readonly perMillion: number;
  /** Pick mode of the twins. */
  readonly pickMode: PickMode;
}

/** The RequestMirror filter of an HTTPRoute from which a mirror was built. All matches of its rule share it. Indexes start at 0. */
export interface MirrorOrigin {
  readonly route: ResourceRef;
  readonly rule: number;
  /** The backend with the filter; absent: the rule has it. */
  readonly backend?: number;
  /** Index among the RequestMirror filters of the rule or backend. */
  readonly filter: number;
}

/** A set of endpoints that serve the same models: an InferencePool, or a Service. */
export interface Pool {
  /** `<namespace>/<name>`, or `service:<namespace>/<name>:<port>` for a Service port. */
  readonly name: string;
  readonly kind: "InferencePool" | "Service";
  readonly namespace: string;
  readonly resourceName: string;
  /** `ip:port`, with IPv6 addresses in brackets; sorted, unique. Empty if none are known. */
  readonly endpoints: readonly string[];
  /** Endpoints that are leaving: they finish their requests and get no new ones. In the form of `endpoints`, and never among them. Absent: none. */
  readonly drainingEndpoints?: readonly string[];
  /** Labels of endpoints: from their Pods, and the pool's label for its engine. */
  readonly endpointLabels: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** For a Service with unknown endpoints: Envoy resolves this name. */
  readonly dns?: { readonly hostname: string; readonly port: number };
  /** `umbra`: Umbra's scheduler picks. `external`: `externalPicker` picks. `none`: Envoy balances. */
  readonly picker: "umbra" | "external" | "none";
  readonly externalPicker?: ExternalPicker;
  /** The requested pick mode; routes and mirrors have the actual one. */
  readonly pickMode: PickMode;
  /** Header with the model, if the body is not read. Lower case. */
  readonly modelHeader?: string;
  /** The model of requests that don't name one. */
  readonly onlyModel?: string;
  /** What happens to requests if the picker can't answer. */
  readonly failureMode: "FailOpen" | "FailClose";
  /** Protocol from Envoy to the endpoints. With `tls`, `h2c` means HTTP/2 over TLS. */
  readonly protocol: "http1" | "h2c";
  /** True: its endpoints take WebSockets, so clients may upgrade their requests. Absent: upgrades are refused. */
  readonly takesWebSockets?: true;
  /** Absent: plain HTTP. */
  readonly tls?: EndpointTls;
  /** Location of the endpoints' metrics pages. */
  readonly scrape: MetricsPlaceSettings;
  /** Locations from annotations of Pods, by endpoint; they override the pool's `scrape`. */
  readonly endpointScrape: Readonly<Record<string, MetricsPlaceSettings>>;
  /** Models from the pool's InferenceModels. If empty, every model name is accepted. */
  readonly models: readonly Model[];
  /** Model rewrites from InferenceModels and InferenceModelRewrites. The first one for a model wins. */
  readonly rewrites: readonly ModelRewrite[];
  /** Objectives that requests for this pool may use, from InferenceObjectives; sorted by name. */
  readonly objectives: readonly Objective[];
  /** The pool's EndpointPickerConfig, unchecked; absent: the default profile. */
  readonly pickerConfig?: unknown;
}

/** TLS from Umbra and Envoy to a pool's endpoints. */
export interface EndpointTls {
  /** Expected name in the endpoint's certificate, and SNI. Absent: the certificate is not verified (only `appProtocol: https`). */
  readonly hostname?: string;
  /** PEM of the trusted CAs; absent: the system's. */
  readonly caPem?: string;
}

/** Location of a metrics page. Absent parts use the engine's defaults. */
export interface MetricsPlaceSettings {
  /** Begins with `/`. */
  readonly path?: string;
  /** 1 to 65535; absent: the endpoint's own. */
  readonly port?: number;
  /** Absent: the same as the endpoint's API. */
  readonly scheme?: "http" | "https";
  /** True if only `prometheus.io` annotations define it. They may be about another exporter, so the endpoint's own page is tried first. */
  readonly isHint?: boolean;
}

/** The third-party endpoint picker of a pool. */
export interface ExternalPicker {
  /** `host:port` of its ext_proc service. */
  readonly address: string;
  /** Its instances, `ip:port`. Absent: `address` is resolved. */
  readonly endpoints?: readonly string[];
  /** True if it serves TLS. Its certificate is verified only with a `caFile`. */
  readonly isTls: boolean;
  /** PEM CA file, read by Envoy. The certificate must be for the address's host. */
  readonly caFile?: string;
}

export interface Model {
  readonly name: string;
  readonly criticality: "Critical" | "Standard" | "Sheddable";
}

/** An InferenceObjective. */
export interface Objective {
  readonly name: string;
  /** Higher is served first; below 0 may be shed. 0 if the resource has none. */
  readonly priority: number;
}

/** Distributes requests for `model` by weight. Without `model`, applies to all models without a rewrite. */
export interface ModelRewrite {
  readonly model?: string;
  readonly targets: readonly { readonly model: string; readonly weight: number }[];
  /** A session always gets the same target. */
  readonly isSticky: boolean;
}

/** A vLLM Deployment, as far as the simulator needs it. */
export interface ModelServer {
  /** `<namespace>/<deployment>`. */
  readonly name: string;
  readonly namespace: string;
  readonly resourceName: string;
  readonly replicas: number;
  readonly labels: Readonly<Record<string, string>>;
  /** The container's arguments for vLLM. */
  readonly args: readonly string[];
  /** InferencePools and Services (`namespace/name`) whose selector matches the Deployment's labels. */
  readonly pools: readonly string[];
}
