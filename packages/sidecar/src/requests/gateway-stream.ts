import { destinationHeader, type PathRewriter, streamMetadata } from "@umbra/envoy-config";
import {
  type BodyMode,
  type HeadersInfo,
  type ResponseInfo,
  StandingRoute,
  type StreamInfo,
} from "@umbra/ext-proc";
import type { Lane } from "../decision/request-account.ts";
import type { ServedPool } from "../pools/served-pool.ts";
import type { BackendPaths } from "./backend-paths.ts";
import { createDestinations, type Destinations } from "./destinations.ts";

/** Protocol options for third-party gateways: names from the endpoint picker protocol. */
export interface GatewayOptions {
  /** The pool of streams that don't name one; absent: the only pool, if there is just one. */
  readonly pool?: string;
  /** Header and metadata key for the picked endpoints; `x-gateway-destination-endpoint` when absent. */
  readonly destination?: string;
  /** Metadata namespace for the picked endpoints; `envoy.lb` when absent. */
  readonly namespace?: string;
  /** Metadata namespace of the endpoints to choose from; `envoy.lb.subset_hint` when absent. */
  readonly subsetNamespace?: string;
  /** Body mode of a gateway that does not announce it; full duplex when absent, as the protocol requires. */
  readonly defaultBodyMode?: "FULL_DUPLEX_STREAMED" | "BUFFERED";
  /** True if its filter has `allow_mode_override`. */
  readonly mayOverrideMode?: boolean;
}

/** `GatewayOptions` with all defaults. */
export interface GatewayProtocol {
  /** Returns the pool of streams that don't name one. */
  readonly pool: () => string | undefined;
  readonly destination: string;
  readonly namespace: string;
  readonly subsetNamespace: string;
  readonly subsetKey: string;
  readonly servedKey: string;
  readonly defaultBodyMode: BodyMode;
  readonly mayOverrideMode: boolean;
  readonly paths: BackendPaths;
  /** How a pick is returned to a rendered gateway and to third-party gateways. */
  readonly own: Destinations;
  readonly foreign: Destinations;
}

/** @param onlyPool returns the pool if Umbra picks in just one */
export function gatewayProtocol(
  options: GatewayOptions,
  onlyPool: () => string | undefined,
  paths: BackendPaths,
): GatewayProtocol {
  const destination = options.destination ?? destinationHeader;
  const namespace = options.namespace ?? "envoy.lb";
  return {
    pool: () => options.pool ?? onlyPool(),
    destination,
    namespace,
    subsetNamespace: options.subsetNamespace ?? "envoy.lb.subset_hint",
    subsetKey: `${destination}-subset`,
    servedKey: `${destination}-served`,
    defaultBodyMode: options.defaultBodyMode ?? "FULL_DUPLEX_STREAMED",
    mayOverrideMode: options.mayOverrideMode ?? false,
    paths,
    own: createDestinations((value) => new StandingRoute([{ name: destinationHeader, value }])),
    foreign: createDestinations(
      (value) =>
        new StandingRoute([{ name: destination, value }], {
          [namespace]: { [destination]: value },
        }),
    ),
  };
}

/** Identifies a stream, and how to return a pick to its gateway. */
export interface GatewayStream {
  readonly lane: Lane;
  readonly pool: string;
  readonly mirrors: string;
  /** Body mode if the gateway does not announce it. */
  readonly defaultBodyMode: BodyMode;
  readonly mayOverrideMode: boolean;
  /** True if its Envoy duplicates full-duplex bodies that end with trailers, because its routes have retries (envoy#45470). */
  readonly duplicatesBodiesWithTrailers: boolean;
  /** Headers with an underscore that may pass, separated by commas; undefined if the sidecar rejects none. */
  readonly knownUnderscores: string | undefined;
  /** Converts the client's path to the endpoint's; unchanged for third-party gateways. Both are without the query. */
  backendPath(path: string): string;
  /** Endpoints that the gateway allows; undefined: all endpoints of the pool. */
  subset(info: HeadersInfo): readonly string[] | undefined;
  /** The endpoint that answered, if the gateway reports it. */
  served(info: ResponseInfo): string | undefined;
  /** Returns the endpoints in order of preference, in the gateway's form. */
  routeTo(picked: PickedEndpoints, pool: ServedPool): StandingRoute;
}

export interface PickedEndpoints {
  readonly endpoint: string;
  readonly fallbacks: readonly string[];
}

/** Identifies a stream: a rendered gateway sends the data in the call's metadata. */
export function gatewayStream({ metadata }: StreamInfo, protocol: GatewayProtocol): GatewayStream {
  const lane = metadata.get(streamMetadata.lane);
  const pool = metadata.get(streamMetadata.pool);
  if (lane === undefined) return new ForeignStream(pool ?? protocol.pool() ?? "", protocol);
  const mirrors = metadata.get(streamMetadata.mirrors) ?? "";
  const rewrittenBy = metadata.get(streamMetadata.rewrittenBy);
  const rewriter = rewrittenBy === undefined ? undefined : protocol.paths.get(rewrittenBy);
  return new OwnStream({
    lane: lane === "shadow" ? "shadow" : "primary",
    pool: pool ?? "",
    mirrors,
    knownUnderscores: metadata.get(streamMetadata.underscores),
    destinations: protocol.own,
    rewriter,
  });
}

interface OwnStreamFacts {
  readonly lane: Lane;
  readonly pool: string;
  readonly mirrors: string;
  readonly knownUnderscores: string | undefined;
  readonly destinations: Destinations;
  readonly rewriter: PathRewriter | undefined;
}

class OwnStream implements GatewayStream {
  readonly defaultBodyMode = "UNKNOWN";
  readonly mayOverrideMode = false;
  readonly duplicatesBodiesWithTrailers: boolean;
  readonly lane: Lane;
  readonly pool: string;
  readonly mirrors: string;
  readonly knownUnderscores: string | undefined;
  readonly #destinations: Destinations;
  readonly #rewriter: PathRewriter | undefined;

  constructor(of: OwnStreamFacts) {
    this.lane = of.lane;
    this.pool = of.pool;
    this.mirrors = of.mirrors;
    this.knownUnderscores = of.knownUnderscores;
    // Twins are not retried.
    this.duplicatesBodiesWithTrailers = of.lane === "primary";
    this.#destinations = of.destinations;
    this.#rewriter = of.rewriter;
  }

  backendPath(path: string): string {
    return this.#rewriter === undefined ? path : this.#rewriter(path);
  }

  subset(): undefined {
    return undefined;
  }

  served({ attributes }: ResponseInfo): string | undefined {
    return attributes.get(servedAttribute);
  }

  routeTo({ endpoint, fallbacks }: PickedEndpoints): StandingRoute {
    return this.#destinations.routeTo(endpoint, fallbacks, fallbacks.length);
  }
}

class ForeignStream implements GatewayStream {
  readonly lane: Lane = "primary";
  readonly pool: string;
  readonly mirrors = "";
  readonly knownUnderscores = undefined;
  readonly defaultBodyMode: BodyMode;
  readonly mayOverrideMode: boolean;
  /** Unknown here; see `docs/gateways.md`. */
  readonly duplicatesBodiesWithTrailers = false;
  readonly #protocol: GatewayProtocol;

  constructor(pool: string, protocol: GatewayProtocol) {
    this.pool = pool;
    this.defaultBodyMode = protocol.defaultBodyMode;
    this.mayOverrideMode = protocol.mayOverrideMode;
    this.#protocol = protocol;
  }

  backendPath(path: string): string {
    return path;
  }

  subset({ metadata }: HeadersInfo): readonly string[] | undefined {
    const { subsetNamespace, subsetKey } = this.#protocol;
    const hint = fieldOf(metadata[subsetNamespace], subsetKey);
    if (hint === undefined) return undefined;
    const listed = typeof hint === "string" ? hint.split(",") : Array.isArray(hint) ? hint : [];
    return listed.filter((each) => typeof each === "string").map(bracketed);
  }

  served({ metadata, attributes }: ResponseInfo): string | undefined {
    const { namespace, servedKey } = this.#protocol;
    const served = fieldOf(metadata[namespace], servedKey);
    return typeof served === "string" ? served : attributes.get(servedAttribute);
  }

  routeTo({ endpoint, fallbacks }: PickedEndpoints, pool: ServedPool): StandingRoute {
    return this.#protocol.foreign.routeTo(endpoint, fallbacks, pool.gatewayFallbacks);
  }
}

/** Envoy's attribute for the address to which it sent the request. */
const servedAttribute = "upstream.address";

function fieldOf(struct: unknown, key: string): unknown {
  return typeof struct === "object" && struct !== null && Object.hasOwn(struct, key)
    ? (struct as Readonly<Record<string, unknown>>)[key]
    : undefined;
}

/** Adds brackets to a bare IPv6 address. */
function bracketed(text: string): string {
  const entry = text.trim();
  const isBare = !entry.startsWith("[") && entry.indexOf(":") !== entry.lastIndexOf(":");
  return isBare ? `[${entry}]` : entry;
}
