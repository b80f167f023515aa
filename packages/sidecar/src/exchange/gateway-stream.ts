import { destinationHeader, type HeaderEntry, streamMetadata } from "@umbra/envoy-config";
import type { BodyMode, HeadersInfo, JsonObject, ResponseInfo, StreamInfo } from "@umbra/ext-proc";
import type { ServedPool } from "./pool-registry.ts";
import type { Lane } from "./request-account.ts";

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
  readonly unsaidMode?: "FULL_DUPLEX_STREAMED" | "BUFFERED";
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
  readonly unsaidMode: BodyMode;
  readonly mayOverrideMode: boolean;
}

/** @param pools names of those that Umbra picks in */
export function gatewayProtocol(options: GatewayOptions, pools: Iterable<string>): GatewayProtocol {
  const [only, ...more] = pools;
  const destination = options.destination ?? destinationHeader;
  return {
    pool: options.pool ?? (more.length === 0 ? only : undefined),
    destination,
    namespace: options.namespace ?? "envoy.lb",
    subsetNamespace: options.subsetNamespace ?? "envoy.lb.subset_hint",
    subsetKey: `${destination}-subset`,
    servedKey: `${destination}-served`,
    unsaidMode: options.unsaidMode ?? "FULL_DUPLEX_STREAMED",
    mayOverrideMode: options.mayOverrideMode ?? false,
  };
}

/** Whose stream it is, and how its gateway is told of a pick. */
export interface GatewayStream {
  readonly lane: Lane;
  readonly pool: string;
  readonly mirrors: string;
  /** How bodies come where the gateway does not say. */
  readonly unsaidMode: BodyMode;
  readonly mayOverrideMode: boolean;
  /** Endpoints that the gateway allows; undefined: all of the pool. */
  subset(info: HeadersInfo): readonly string[] | undefined;
  /** The endpoint that has answered, where the gateway tells. */
  served(info: ResponseInfo): string | undefined;
  /** The endpoints in order of preference, as the gateway wants them told. */
  destination(picked: PickedEndpoints, pool: ServedPool): Destination;
}

export interface PickedEndpoints {
  readonly endpoint: string;
  readonly fallbacks: readonly string[];
}

export interface Destination {
  readonly header: HeaderEntry;
  readonly dynamicMetadata?: Readonly<Record<string, JsonObject>>;
}

/** Reads whose stream it is: a bootstrap that Umbra has rendered says so in the call's metadata. */
export function gatewayStream({ metadata }: StreamInfo, protocol: GatewayProtocol): GatewayStream {
  const lane = metadata.get(streamMetadata.lane);
  const pool = metadata.get(streamMetadata.pool);
  if (lane === undefined) return new ForeignStream(pool ?? protocol.pool ?? "", protocol);
  const mirrors = metadata.get(streamMetadata.mirrors) ?? "";
  return new OwnStream(lane === "shadow" ? "shadow" : "primary", pool ?? "", mirrors);
}

class OwnStream implements GatewayStream {
  readonly unsaidMode = "UNKNOWN";
  readonly mayOverrideMode = false;
  readonly lane: Lane;
  readonly pool: string;
  readonly mirrors: string;

  constructor(lane: Lane, pool: string, mirrors: string) {
    this.lane = lane;
    this.pool = pool;
    this.mirrors = mirrors;
  }

  subset(): undefined {
    return undefined;
  }

  served({ attributes }: ResponseInfo): string | undefined {
    return attributes.get(servedAttribute);
  }

  destination({ endpoint, fallbacks }: PickedEndpoints): Destination {
    return { header: { name: destinationHeader, value: listOf(endpoint, fallbacks) } };
  }
}

class ForeignStream implements GatewayStream {
  readonly lane: Lane = "primary";
  readonly pool: string;
  readonly mirrors = "";
  readonly unsaidMode: BodyMode;
  readonly mayOverrideMode: boolean;
  readonly #protocol: GatewayProtocol;

  constructor(pool: string, protocol: GatewayProtocol) {
    this.pool = pool;
    this.unsaidMode = protocol.unsaidMode;
    this.mayOverrideMode = protocol.mayOverrideMode;
    this.#protocol = protocol;
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

  destination({ endpoint, fallbacks }: PickedEndpoints, pool: ServedPool): Destination {
    const { destination, namespace } = this.#protocol;
    const value = listOf(endpoint, fallbacks.slice(0, pool.gatewayFallbacks));
    return {
      header: { name: destination, value },
      dynamicMetadata: { [namespace]: { [destination]: value } },
    };
  }
}

/** Envoy's name for the address that it has sent the request to. */
const servedAttribute = "upstream.address";

function listOf(endpoint: string, fallbacks: readonly string[]): string {
  return fallbacks.length === 0 ? endpoint : `${endpoint},${fallbacks.join(",")}`;
}

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
