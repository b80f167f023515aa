/** A type of resource that Envoy asks for. */
export type Kind = "cds" | "eds" | "sds" | "ecds" | "lds" | "rds";

/** All kinds, in the order in which changes are sent: clusters, endpoints, secrets and filters before what uses them. */
export const kinds: readonly Kind[] = ["cds", "eds", "sds", "ecds", "lds", "rds"];

const prefix = "type.googleapis.com/";

const messages: Readonly<Record<Kind, string>> = {
  cds: "envoy.config.cluster.v3.Cluster",
  eds: "envoy.config.endpoint.v3.ClusterLoadAssignment",
  sds: "envoy.extensions.transport_sockets.tls.v3.Secret",
  ecds: "envoy.config.core.v3.TypedExtensionConfig",
  lds: "envoy.config.listener.v3.Listener",
  rds: "envoy.config.route.v3.RouteConfiguration",
};

const nouns: Readonly<Record<Kind, string>> = {
  cds: "cluster",
  eds: "endpoints of cluster",
  sds: "certificate",
  ecds: "filter",
  lds: "listener",
  rds: "routes of listener",
};

const byUrl: ReadonlyMap<string, Kind> = new Map(kinds.map((kind) => [typeUrlOf(kind), kind]));

/** Full name of the message of a kind, e.g. `envoy.config.cluster.v3.Cluster`. */
export function messageNameOf(kind: Kind): string {
  return messages[kind];
}

/** What people call a resource of a kind, in front of its name. */
export function nounOf(kind: Kind): string {
  return nouns[kind];
}

/** An Envoy's words about a resource as they may be shown: about a certificate they may quote it. */
export function shownMessage(kind: Kind, message: string): string {
  return kind === "sds" ? "not shown, as it may quote the certificate or its key" : message;
}

/** `type_url` of a kind, as requests and answers name it. */
export function typeUrlOf(kind: Kind): string {
  return prefix + messages[kind];
}

/** The kind of a `type_url`; undefined for a type that is not served. */
export function kindOf(typeUrl: string): Kind | undefined {
  return byUrl.get(typeUrl);
}

/**
 * Kinds whose answer is always the whole set in state of the world: what is absent is removed. Of the others an answer
 * may hold any part, and what is absent is left as it is.
 */
export function isWhole(kind: Kind): boolean {
  return kind === "cds" || kind === "lds";
}

/**
 * Kinds of which an answer holds one new resource at most. Envoy's error names none of several, and it accepts refused
 * content silently when the same comes again, so that trying them one by one afterwards would find nothing.
 */
export function isOneByOne(kind: Kind): boolean {
  return kind === "sds" || kind === "ecds";
}
