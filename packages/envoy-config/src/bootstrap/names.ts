import { mirrorOfRule } from "../names.ts";
import type { Mirror } from "../topology.ts";

/**
 * Names that the rendered bootstrap and the sidecar share. The header and metadata names that start with
 * `x-gateway-` are the endpoint picker protocol's; those with `x-umbra-` are ours.
 */

/** Names the picked endpoints, best first: `ip:port[,ip:port…]`. Read by Envoy's `override_host` policy. */
export const destinationHeader = "x-gateway-destination-endpoint";

/** On a mirrored copy: the mirror's name. Chooses the route of the shadow lane. */
export const mirrorHeader = "x-umbra-mirror";

/** Cluster of the mirror's lane, set by the pick when the request is to be mirrored; one header for each mirror of a rule. */
export function mirrorToHeader({ origin }: Pick<Mirror, "origin">): string {
  return `x-umbra-to-${mirrorOfRule(origin)}`;
}

/** The value of `streamMetadata.mirrors`. Names of resources have no commas. */
export function encodeMirrors(names: readonly string[]): string {
  return names.join(",");
}

/** The names in a value of `streamMetadata.mirrors`. */
export function decodeMirrors(value: string): readonly string[] {
  return value === "" ? [] : value.split(",");
}

/** gRPC metadata that tells the sidecar whose stream it has. */
export const streamMetadata = {
  /** `primary` or `shadow`. */
  lane: "x-umbra-lane",
  /** `Pool.name`. */
  pool: "x-umbra-pool",
  /** Names of the route's mirrors, as `encodeMirrors` writes them; on the shadow lane the one mirror. */
  mirrors: "x-umbra-mirrors",
  /** `Route.name` of a route that rewrites paths: the pick sees what the client sent, and the endpoint something else. */
  rewrittenBy: "x-umbra-rewritten-by",
  /** Headers with an underscore that may pass, comma separated; absent where the sidecar refuses none. */
  underscores: "x-umbra-underscores",
} as const;

/** Header names with one of these prefixes are taken from clients' requests before any filter sees them. */
export const reservedHeaderPrefixes: readonly string[] = [destinationHeader, "x-umbra-"];

/**
 * Headers by which clients steer the reference endpoint picker: each with its older name, of which the newer one counts. A
 * gateway that trusts its clients lets them through.
 */
export const controlHeaders = {
  /** Names the InferenceObjective that says the request's priority. */
  objective: ["x-llm-d-inference-objective", "x-gateway-inference-objective"],
  /** The tenant that a queue gives its turn. */
  fairness: ["x-llm-d-inference-fairness-id", "x-gateway-inference-fairness-id"],
  /** The model's name for the endpoint, where no rewrite of the pool gives it another. */
  modelRewrite: ["x-llm-d-model-name-rewrite", "x-gateway-model-name-rewrite"],
  /** Within how many ms the first token is wanted. */
  ttft: ["x-llm-d-slo-ttft-ms", "x-slo-ttft-ms"],
  /** How many ms a token may take. */
  tpot: ["x-llm-d-slo-tpot-ms", "x-slo-tpot-ms"],
  /** The profile of the EndpointPickerConfig. */
  profile: ["epp-profile"],
} as const;

/** Dynamic metadata of a request that is refused for a header with an underscore: `true`. */
export const underscoreRefusal = { filter: "umbra.underscores", key: "refused" } as const;

export const pickerCluster = "umbra-picker";
/** The sidecar as recorder, one for each lane: a shadow that sends more than is taken must not hold up answers to clients. */
export const observerClusters = {
  primary: "umbra-observer",
  shadow: "umbra-shadow-observer",
} as const;
/** Has no host: takes the share of a backend that could not be resolved, which is answered 500. */
export const unresolvedCluster = "unresolved";
export const shadowLaneListener = "shadow-lane";

/** Cluster of a pool's endpoints on the primary lane. */
export function primaryClusterName(pool: string): string {
  return `primary/${pool}`;
}

/** Cluster through which a mirror's copies enter the shadow lane. */
export function laneClusterName(mirror: string): string {
  return `lane/${mirror}`;
}

/** Cluster of a mirror's endpoints; one for each mirror, so that its numbers stand alone. */
export function shadowClusterName(mirror: string): string {
  return `shadow/${mirror}`;
}

/**
 * The labels that Envoy makes of the names of clusters for its metrics: it has nothing else to make them of. The first
 * group is taken out of the name of a statistic, the second is the label's value.
 */
export const clusterNameTags = {
  lane: "^cluster\\.((primary|shadow)/)",
  pool: "^cluster\\.(primary/([^.]+)\\.)",
  mirror: "^cluster\\.((?:shadow|lane)/([^.]+)\\.)",
  mirroredRoute: "^cluster\\.((?:shadow|lane)/([^/.]+/[^/.]+)/)",
} as const;

/** Cluster of the third-party endpoint picker that a pool has. */
export function externalPickerClusterName(pool: string): string {
  return `picker/${pool}`;
}

/** Of the trailers that Envoy's limit of a shadow's bandwidth adds to its answers. */
export const bandwidthTrailerPrefix = "x-umbra";

/** The one of them that says for how many ms the limit has held back parts of the answer; absent: for none. */
export const answerDelayTrailer = "x-umbra-bandwidth-response-filter-delay-ms";
