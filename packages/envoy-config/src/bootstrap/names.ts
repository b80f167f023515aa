import { mirrorOfRule } from "../names.ts";
import type { Mirror } from "../topology.ts";

/**
 * Names that the rendered bootstrap and the sidecar share. Header and metadata names with `x-gateway-` belong to the
 * endpoint picker protocol, those with `x-umbra-` to Umbra.
 */

/** The picked endpoints, best first: `ip:port[,ip:port…]`. Envoy's `override_host` policy reads it. */
export const destinationHeader = "x-gateway-destination-endpoint";

/** On a twin: the mirror's name. Selects the route in the shadow lane. */
export const mirrorHeader = "x-umbra-mirror";

/** Header with the cluster of the mirror's lane. The pick sets it to mirror the request. One header for each mirror of a rule. */
export function mirrorToHeader({ origin }: Pick<Mirror, "origin">): string {
  return `x-umbra-to-${mirrorOfRule(origin)}`;
}

/** Encodes the value of `streamMetadata.mirrors`. Resource names contain no commas. */
export function encodeMirrors(names: readonly string[]): string {
  return names.join(",");
}

/** Decodes a value of `streamMetadata.mirrors`. */
export function decodeMirrors(value: string): readonly string[] {
  return value === "" ? [] : value.split(",");
}

/** gRPC metadata that identifies a stream to the sidecar. */
export const streamMetadata = {
  /** `primary` or `shadow`. */
  lane: "x-umbra-lane",
  /** `Pool.name`. */
  pool: "x-umbra-pool",
  /** Names of the route's mirrors, in the form of `encodeMirrors`; on the shadow lane, the mirror's name. */
  mirrors: "x-umbra-mirrors",
  /** `Route.name` of a route that rewrites paths. The pick sees the client's path, which differs from the endpoint's. */
  rewrittenBy: "x-umbra-rewritten-by",
  /** Names of headers with an underscore that may pass, separated by commas; absent if the sidecar refuses none. */
  underscores: "x-umbra-underscores",
} as const;

/** Headers with these prefixes are removed from client requests before any filter sees them. */
export const reservedHeaderPrefixes: readonly string[] = [destinationHeader, "x-umbra-"];

/**
 * With either of these headers, a client keeps its request from judge models. The first is one of the reserved headers,
 * so a rendered gateway passes it on under the second name, which the sidecar gets to see.
 */
export const noJudgeHeaders = ["x-umbra-no-judge", "x-gateway-no-judge"] as const;

/**
 * Headers with which clients control the reference endpoint picker, each with its older name. If both are sent, the
 * newer name wins. A gateway that trusts its clients can let them through.
 */
export const controlHeaders = {
  /** The InferenceObjective that defines the request's priority. */
  objective: ["x-llm-d-inference-objective", "x-gateway-inference-objective"],
  /** The tenant, for fair queueing. */
  fairness: ["x-llm-d-inference-fairness-id", "x-gateway-inference-fairness-id"],
  /** The model name to send to the endpoint, unless a rewrite of the pool changes it. */
  modelRewrite: ["x-llm-d-model-name-rewrite", "x-gateway-model-name-rewrite"],
  /** Target time to first token, in ms. */
  ttft: ["x-llm-d-slo-ttft-ms", "x-slo-ttft-ms"],
  /** Target time per output token, in ms. */
  tpot: ["x-llm-d-slo-tpot-ms", "x-slo-tpot-ms"],
  /** The profile of the EndpointPickerConfig to use. */
  profile: ["epp-profile"],
} as const;

/** Dynamic metadata that marks a request rejected for a header with an underscore: `true`. */
export const underscoreRefusal = { filter: "umbra.underscores", key: "refused" } as const;

export const pickerCluster = "umbra-picker";
/** The sidecar's recorder clusters, one for each lane: a flooding shadow must not delay answers to clients. */
export const observerClusters = {
  primary: "umbra-observer",
  shadow: "umbra-shadow-observer",
} as const;
/** A cluster without hosts, for the share of an unresolved backend, which is answered 500. */
export const unresolvedCluster = "unresolved";
export const shadowLaneListener = "shadow-lane";

/** Returns the cluster name of a pool's endpoints on the primary lane. */
export function primaryClusterName(pool: string): string {
  return `primary/${pool}`;
}

/** Returns the name of the cluster through which a mirror's twins enter the shadow lane. */
export function laneClusterName(mirror: string): string {
  return `lane/${mirror}`;
}

/** Returns the cluster name of a mirror's endpoints. Each mirror has its own, so that its statistics are separate. */
export function shadowClusterName(mirror: string): string {
  return `shadow/${mirror}`;
}

/**
 * Metric labels that Envoy extracts from cluster names, its only source. The first group is removed from the
 * statistic's name; the second is the label's value.
 */
export const clusterNameTags = {
  lane: "^cluster\\.((primary|shadow)/)",
  pool: "^cluster\\.(primary/([^.]+)\\.)",
  mirror: "^cluster\\.((?:shadow|lane)/([^.]+)\\.)",
  mirroredRoute: "^cluster\\.((?:shadow|lane)/([^/.]+/[^/.]+)/)",
} as const;

/** Returns the cluster name of a pool's third-party endpoint picker. */
export function externalPickerClusterName(pool: string): string {
  return `picker/${pool}`;
}

/** Prefix of the trailers that Envoy's bandwidth limit adds to a shadow's answers. */
export const bandwidthTrailerPrefix = "x-umbra";

/** The trailer with the delay that the limit added to the answer, in ms; absent without a delay. */
export const answerDelayTrailer = "x-umbra-bandwidth-response-filter-delay-ms";
