import type { EnvoySettings } from "./envoy-settings.ts";
import type { JsonValue, MirrorSettings } from "./mirror-policy.ts";
import type { ResourceRef } from "./resource-ref.ts";

/**
 * The topology: what the resources mean, as plain data. Reading YAML ends here; rendering, serving and
 * simulating begin here. Everything is resolved: no reference in it dangles, every default is filled in.
 */
export interface Topology {
  /** Version of this shape; raised when a field changes its meaning. */
  readonly version: 2;
  /** Sorted by name. */
  readonly listeners: readonly Listener[];
  /** Every pool that a route or a mirror uses, and InferencePools that none uses yet. Sorted by name. */
  readonly pools: readonly Pool[];
  /** Each mirror that a route names, once, in the order of the routes. */
  readonly mirrors: readonly Mirror[];
  /** Model servers that a Deployment describes, for `umbra simulate` and `umbra demo`. */
  readonly modelServers: readonly ModelServer[];
  readonly envoy: EnvoyConfiguration;
}

/** What holds for Envoy as a whole. */
export interface EnvoyConfiguration {
  readonly settings: EnvoySettings;
  /** From an EnvoyProxy's `bootstrap`: what is made of the rendered one. */
  readonly bootstrap?: BootstrapChange;
}

export type BootstrapChange =
  /** Merged into it. */
  | { readonly kind: "merge"; readonly value: JsonMap }
  /** Put around its listeners and clusters. */
  | { readonly kind: "replace"; readonly value: JsonMap }
  /** Patched, one operation after the other. */
  | { readonly kind: "patch"; readonly operations: readonly PatchOperation[] };

export type JsonMap = Readonly<Record<string, JsonValue>>;

/** Of JSON Patch (RFC 6902). */
export interface PatchOperation {
  readonly op: "add" | "remove" | "replace" | "move" | "copy" | "test";
  /** A JSON Pointer into the bootstrap. */
  readonly path: string;
  readonly from?: string;
  readonly value?: JsonValue;
}

/** A port that clients reach. Listeners of several Gateways on one port are merged into one. */
export interface Listener {
  /** Name of the Gateway's listener, e.g. `http`; `<gateway>/<listener>` where two share it. */
  readonly name: string;
  /** Address to bind, `0.0.0.0` unless told otherwise. */
  readonly address: string;
  readonly port: number;
  /** Absent: plain HTTP. Listeners with TLS share a port, each with a name of its own. */
  readonly tls?: ListenerTls;
  /** Exact domains first, then longest wildcard, then `*`. */
  readonly virtualHosts: readonly VirtualHost[];
}

/** How a listener ends TLS. Certificates are named and not held here: a topology is printed, and keys may not be. */
export interface ListenerTls {
  /** What clients name in their handshake, `chat.example.com` or `*.example.com`; absent: anything, or nothing. */
  readonly serverName?: string;
  /** Their Secrets, `<namespace>/<name>`. */
  readonly certificates: readonly string[];
}

export interface VirtualHost {
  readonly name: string;
  /** As Envoy takes them: `example.com`, `*.example.com` or `*`. */
  readonly domains: readonly string[];
  /** In order of precedence: the first that matches is taken. */
  readonly routes: readonly Route[];
}

/** One match of one rule of an HTTPRoute, or the share that one of its backends has. */
export interface Route {
  /** Unique among routes; shows in Envoy's log. Made of `origin`, which says the same as data. */
  readonly name: string;
  readonly origin: RouteOrigin;
  readonly match: RouteMatch;
  /** Absent: every request that meets the match. */
  readonly share?: RouteShare;
  readonly requestHeaders: HeaderModifier;
  readonly responseHeaders: HeaderModifier;
  readonly rewrite?: UrlRewrite;
  /** Whole request, in ms; absent: no limit. */
  readonly timeoutMs?: number;
  /** One attempt at an endpoint, in ms; absent: no limit. */
  readonly backendTimeoutMs?: number;
  /** Absent: browsers of other origins are told nothing. */
  readonly cors?: CorsPolicy;
  /** Absent: each request of a client may get another endpoint. */
  readonly session?: Session;
  /** Absent: only what no endpoint has begun to work on is tried again. */
  readonly retry?: Retry;
  readonly action: RouteAction;
  /** Names of mirrors of the topology. */
  readonly mirrors: readonly string[];
  /** How the route's requests are picked: the most demanding mode of its pools. */
  readonly pickMode: PickMode;
}

/** Which part of an HTTPRoute a route was made of. Indexes count from 0. */
export interface RouteOrigin {
  readonly route: ResourceRef;
  readonly rule: number;
  /** Absent: the rule has no name. */
  readonly ruleName?: string;
  readonly match: number;
  /** The backend whose share the route has; absent: the route has all requests that meet the match. */
  readonly backend?: number;
}

/**
 * What Envoy sends the picker of a request. `headers`: no byte of the body. `buffered`: the whole body, at once; it comes
 * back only where it was changed. `duplex`: the body in pieces, all of which come back.
 */
export type PickMode = "headers" | "buffered" | "duplex";

/** What browsers are told about requests of other origins. */
export interface CorsPolicy {
  /** `https://chat.example.com`, `https://*.example.com` or `*`. */
  readonly origins: readonly string[];
  readonly methods: readonly string[];
  readonly headers: readonly string[];
  readonly exposedHeaders: readonly string[];
  readonly allowsCredentials: boolean;
  readonly maxAgeS: number;
}

/** The endpoint of a client's last request, told to it, and kept while it is there. */
export interface Session {
  readonly kind: "cookie" | "header";
  /** Of the cookie or header. */
  readonly name: string;
  /** How long the cookie lasts; absent: as long as the browser runs. */
  readonly ttlMs?: number;
}

/** What is tried again besides requests that no endpoint has begun to work on: GEP-1731. */
export interface Retry {
  /** Statuses of answers, sorted; connections that break off or time out are always among it. */
  readonly codes: readonly number[];
  readonly attempts: number;
  /** From which the waits between attempts grow, in ms; absent: Envoy's own. */
  readonly backoffMs?: number;
}

/**
 * The share of a backend that is rewritten, redirected or mirrored by itself: a rule with one has a route for each of
 * its backends. A request draws one number from 0 to 999,999 for all routes of its match, and takes that which has it.
 */
export interface RouteShare {
  /** The first number. */
  readonly from: number;
  /** The first that is not; 1,000,000 in the last route. */
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
      /** Filled in: without one, that of the scheme, and without a scheme the listener's. */
      readonly port: number;
      readonly path?: UrlRewrite["path"];
      readonly statusCode: number;
    };

/** What is changed of the requests of one backend alone, after what the route changes. */
export interface BackendFilters {
  readonly requestHeaders: HeaderModifier;
  readonly responseHeaders: HeaderModifier;
  /** Takes the place of the Host header, also of the route's rewrite. */
  readonly hostname?: string;
}

/** One weighted backend. A backend that could not be resolved answers 500 for its share. */
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
      /** As a controller's condition has it, e.g. `BackendNotFound`. */
      readonly reason: string;
      readonly message: string;
    };

/** A copy of the requests of routes that name the mirror goes to one endpoint of `pool`. */
export interface Mirror extends MirrorSettings {
  /** Unique among mirrors; shows in the names of Envoy's clusters. Made of `origin`, which says the same as data. */
  readonly name: string;
  readonly origin: MirrorOrigin;
  readonly pool: string;
  /** Share of requests, 0 to 1,000,000. */
  readonly perMillion: number;
  /** How the copies are picked. */
  readonly pickMode: PickMode;
}

/** Which RequestMirror filter of an HTTPRoute a mirror was made of; all matches of its rule share it. Indexes count from 0. */
export interface MirrorOrigin {
  readonly route: ResourceRef;
  readonly rule: number;
  /** The backend that has the filter; absent: the rule itself has it. */
  readonly backend?: number;
  /** Among the RequestMirror filters there. */
  readonly filter: number;
}

/** A set of endpoints that serve the same models: an InferencePool, or a Service. */
export interface Pool {
  /** `<namespace>/<name>`, with `service:` before it for a Service port: `service:<namespace>/<name>:<port>`. */
  readonly name: string;
  readonly kind: "InferencePool" | "Service";
  readonly namespace: string;
  readonly resourceName: string;
  /** `ip:port`, IPv6 in brackets; sorted, unique. Empty when none is known. */
  readonly endpoints: readonly string[];
  /** Of endpoints that have any: of their Pods, and of the pool what names its engine. */
  readonly endpointLabels: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** A Service whose endpoints are not known: Envoy resolves this name. */
  readonly dns?: { readonly hostname: string; readonly port: number };
  /** `umbra`: our scheduler picks. `external`: `externalPicker` does. `none`: Envoy's own balancing. */
  readonly picker: "umbra" | "external" | "none";
  readonly externalPicker?: ExternalPicker;
  /** What is asked for the pool; routes and mirrors say what they get. */
  readonly pickMode: PickMode;
  /** Names the model of a request whose body is not read. Lower case. */
  readonly modelHeader?: string;
  /** The model of requests that name none. */
  readonly onlyModel?: string;
  /** What happens to requests when the picker can't answer. */
  readonly failureMode: "FailOpen" | "FailClose";
  /** How Envoy speaks to the endpoints. With `tls`, `h2c` is HTTP/2 over TLS. */
  readonly protocol: "http1" | "h2c";
  /** Absent: plain HTTP. */
  readonly tls?: EndpointTls;
  /** Where the endpoints have their metrics pages. */
  readonly scrape: MetricsPlaceSettings;
  /** Of endpoints whose Pods say it themselves: it goes before the pool's `scrape`. */
  readonly endpointScrape: Readonly<Record<string, MetricsPlaceSettings>>;
  /** Models that InferenceModels name for this pool; empty when none does: then every name is let through. */
  readonly models: readonly Model[];
  /** To which names requests for a model go, from InferenceModels and InferenceModelRewrites; the first for a model counts. */
  readonly rewrites: readonly ModelRewrite[];
  /** What requests for this pool may name as their objective, from InferenceObjectives; sorted by name. */
  readonly objectives: readonly Objective[];
  /** The EndpointPickerConfig that holds for the pool, as it was written; absent: the default profile. */
  readonly pickerConfig?: unknown;
}

/** TLS from Umbra and Envoy to a pool's endpoints. */
export interface EndpointTls {
  /** Name that the endpoint's certificate must carry, and SNI. Absent: the certificate is not verified (`appProtocol: https` alone). */
  readonly hostname?: string;
  /** PEM of the trusted authorities; absent: those of the system. */
  readonly caPem?: string;
}

/** Where a metrics page is; what is absent is as the engine has it. */
export interface MetricsPlaceSettings {
  /** Begins with `/`. */
  readonly path?: string;
  /** 1 to 65535; absent: the endpoint's own. */
  readonly port?: number;
  /** Absent: as the endpoint's API is reached. */
  readonly scheme?: "http" | "https";
  /** Only `prometheus.io` annotations say so, which may be about another exporter: the endpoint's own page is tried first. */
  readonly isHint?: boolean;
}

/** A third-party endpoint picker, which Envoy asks for the pool. */
export interface ExternalPicker {
  /** `host:port` of its ext_proc service. */
  readonly address: string;
  /** Its certificate is verified with a `caFile` alone. */
  readonly isTls: boolean;
  /** PEM authority, which Envoy reads; the certificate must be that of the address's host. */
  readonly caFile?: string;
}

export interface Model {
  readonly name: string;
  readonly criticality: "Critical" | "Standard" | "Sheddable";
}

/** An InferenceObjective. */
export interface Objective {
  readonly name: string;
  /** Higher is served first; below 0 is what may be shed. 0 where the resource says none. */
  readonly priority: number;
}

/** Requests for `model`, or for any model without a rewrite where it is absent, are shared out by weight. */
export interface ModelRewrite {
  readonly model?: string;
  readonly targets: readonly { readonly model: string; readonly weight: number }[];
  /** A session always gets the same target. */
  readonly isSticky: boolean;
}

/** A Deployment of vLLM, as far as a simulator needs it. */
export interface ModelServer {
  /** `<namespace>/<deployment>`. */
  readonly name: string;
  readonly namespace: string;
  readonly resourceName: string;
  readonly replicas: number;
  readonly labels: Readonly<Record<string, string>>;
  /** The container's arguments, as vLLM takes them. */
  readonly args: readonly string[];
  /** InferencePools and Services (`namespace/name`) whose selector matches the Deployment's labels. */
  readonly pools: readonly string[];
}
