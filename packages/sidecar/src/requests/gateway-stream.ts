import { destinationHeader, type PathRewriter, streamMetadata } from "@umbra/envoy-config";
import {
  type BodyMode,
  type HeadersInfo,
  type ResponseInfo,
  StandingRoute,
  type StreamInfo,
} from "@umbra/ext-proc";
import type { Lane } from "../decision/request-account.ts";
import type { ServedPool } from "../pools/pool-registry.ts";
import type { BackendPaths } from "./backend-paths.ts";
import { createDestinations, type Destinations } from "./destinations.ts";

/** What gateways are spoken to with that Umbra has not rendered: the names of the endpoint picker protocol. */
export interface GatewayOptions {
  /** The pool of streams that name none; absent: the only pool, where there is one only. */
  readonly pool?: string;
  /** Header, and key of the metadata, that names the picked endpoints; `x-gateway-destination-endpoint` when absent. */
  readonly destination?: string;
  /** Namespace of the metadata that names them; `envoy.lb` when absent. */
  readonly namespace?: string;
  /** Namespace of the metadata that names the endpoints that may be picked; `envoy.lb.subset_hint` when absent. */
  readonly subsetNamespace?: string;
  /** How bodies come from a gateway that does not say; as the protocol demands, in full duplex, when absent. */
  readonly defaultBodyMode?: "FULL_DUPLEX_STREAMED" | "BUFFERED";
  /** Its filter has `allow_mode_override`. */
  readonly mayOverrideMode?: boolean;
}

/** The same, filled in. */
export interface GatewayProtocol {
  readonly pool: string | undefined;
  readonly destination: string;
  readonly namespace: string;
  readonly subsetNamespace: string;
  readonly subsetKey: string;
  readonly servedKey: string;
  readonly defaultBodyMode: BodyMode;
  readonly mayOverrideMode: boolean;
  readonly paths: BackendPaths;
  /** As a bootstrap that Umbra has rendered is told of a pick, and as others are. */
  readonly own: Destinations;
  readonly foreign: Destinations;
}

/** @param pools names of those that Umbra picks in */
export function gatewayProtocol(
  options: GatewayOptions,
  pools: Iterable<string>,
  paths: BackendPaths,
): GatewayProtocol {
  const [only, ...more] = pools;
  const destination = options.destination ?? destinationHeader;
  const namespace = options.namespace ?? "envoy.lb";
  return {
    pool: options.pool ?? (more.length === 0 ? only : undefined),
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

/** Whose stream it is, and how its gateway is told of a pick. */
export interface GatewayStream {
  readonly lane: Lane;
  readonly pool: string;
  readonly mirrors: string;
  /** How bodies come where the gateway does not say. */
  readonly defaultBodyMode: BodyMode;
  readonly mayOverrideMode: boolean;
  /** Its Envoy sends a body twice that has come in full duplex and ends with trailers: its routes are retried (envoy#45470). */
  readonly repeatsTrailed: boolean;
  /** Headers with an underscore that may pass, comma separated; undefined where the sidecar refuses none. */
  readonly knownUnderscores: string | undefined;
  /** The path that the endpoint gets of the client's; the same where the gateway is not Umbra's. Both without the query. */
  backendPath(path: string): string;
  /** Endpoints that the gateway allows; undefined: all of the pool. */
  subset(info: HeadersInfo): readonly string[] | undefined;
  /** The endpoint that has answered, where the gateway tells. */
  served(info: ResponseInfo): string | undefined;
  /** The endpoints in order of preference, as the gateway wants them told. */
  routeTo(picked: PickedEndpoints, pool: ServedPool): StandingRoute;
}

export interface PickedEndpoints {
  readonly endpoint: string;
  readonly fallbacks: readonly string[];
}

/** Reads whose stream it is: a bootstrap that Umbra has rendered says so in the call's metadata. */
export function gatewayStream({ metadata }: StreamInfo, protocol: GatewayProtocol): GatewayStream {
  const lane = metadata.get(streamMetadata.lane);
  const pool = metadata.get(streamMetadata.pool);
  if (lane === undefined) return new ForeignStream(pool ?? protocol.pool ?? "", protocol);
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
  readonly repeatsTrailed: boolean;
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
    // Copies are not retried.
    this.repeatsTrailed = of.lane === "primary";
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
  /** Nobody here knows; `docs/gateways.md` tells. */
  readonly repeatsTrailed = false;
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

/** Envoy's name for the address that it has sent the request to. */
const servedAttribute = "upstream.address";

function fieldOf(struct: unknown, key: string): unknown {
  return typeof struct === "object" && struct !== null && Object.hasOwn(struct, key)
    ? (struct as Readonly<Record<string, unknown>>)[key]
    : undefined;
}

/** An IPv6 address that stands alone gets the brackets that endpoints have. */
function bracketed(text: string): string {
  const entry = text.trim();
  const isBare = !entry.startsWith("[") && entry.indexOf(":") !== entry.lastIndexOf(":");
  return isBare ? `[${entry}]` : entry;
}
