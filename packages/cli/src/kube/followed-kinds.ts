import { keptPart } from "@umbra/envoy-config";
import type { JsonObject, WatchedKind } from "@umbra/kubernetes";

type Kind = Omit<WatchedKind, "namespaces">;

/** Kinds of a group and version, by their name in paths. */
function kindsOf(group: string, version: string, kinds: Readonly<Record<string, string>>): Kind[] {
  return Object.entries(kinds).map(([plural, kind]) => ({
    ...{ group, version, plural, kind },
    isNamespaced: true,
  }));
}

const keep = (object: JsonObject): JsonObject | undefined =>
  keptPart(object) as JsonObject | undefined;

/** What pools come from. ConfigMaps have authorities of BackendTLSPolicies, and configurations of pickers. */
const poolKinds: readonly Kind[] = [
  ...kindsOf("", "v1", { pods: "Pod", configmaps: "ConfigMap" }).map((kind) => ({
    ...kind,
    keep,
  })),
  ...kindsOf("", "v1", { services: "Service" }),
  ...kindsOf("discovery.k8s.io", "v1", { endpointslices: "EndpointSlice" }),
  ...kindsOf("inference.networking.k8s.io", "v1", { inferencepools: "InferencePool" }),
  ...kindsOf("inference.networking.x-k8s.io", "v1alpha2", { inferencepools: "InferencePool" }),
];

/** What picks are refined by. A start without them takes no route and no endpoint from an Envoy that already serves. */
const optionalKinds: readonly Kind[] = [
  ...kindsOf("inference.networking.x-k8s.io", "v1alpha2", {
    inferencemodels: "InferenceModel",
    inferenceobjectives: "InferenceObjective",
    inferencemodelrewrites: "InferenceModelRewrite",
  }),
  ...kindsOf("llm-d.ai", "v1alpha2", {
    inferenceobjectives: "InferenceObjective",
    inferencemodelrewrites: "InferenceModelRewrite",
  }),
].map((kind) => ({ ...kind, isOptional: true }));

/** What routes, mirrors and Envoy's settings come from. */
const routingKinds: readonly Kind[] = [
  ...kindsOf("gateway.networking.k8s.io", "v1", {
    gateways: "Gateway",
    httproutes: "HTTPRoute",
    backendtlspolicies: "BackendTLSPolicy",
  }),
  ...kindsOf("gateway.networking.k8s.io", "v1beta1", { referencegrants: "ReferenceGrant" }),
  ...kindsOf("umbra.dev", "v1alpha1", {
    shadowpolicies: "ShadowPolicy",
    envoysettings: "EnvoySettings",
  }),
  ...kindsOf("gateway.envoyproxy.io", "v1alpha1", { envoyproxies: "EnvoyProxy" }),
];

/** Only for Envoys that get their certificates from this sidecar. */
const certificateKinds: readonly Kind[] = kindsOf("", "v1", { secrets: "Secret" }).map((kind) => ({
  ...kind,
  fieldSelector: "type=kubernetes.io/tls",
}));

/** Labels of namespaces choose routes of other namespaces. */
const namespaces: WatchedKind = {
  ...{ group: "", version: "v1", plural: "namespaces", kind: "Namespace" },
  isNamespaced: false,
};

/** Tell which Gateways are Umbra's. A picker behind other Gateways does not have to know. */
const gatewayClasses: WatchedKind = {
  ...{ group: "gateway.networking.k8s.io", version: "v1", plural: "gatewayclasses" },
  ...{ kind: "GatewayClass", isNamespaced: false },
};

export interface FollowedKindsOptions {
  readonly namespaces: readonly string[] | "all";
  /** Whether Envoys get their configuration from this sidecar. */
  readonly isRendering: boolean;
}

/** The kinds to follow: exactly those that the configuration is made from. */
export function followedKinds(options: FollowedKindsOptions): readonly WatchedKind[] {
  const { namespaces: chosen, isRendering } = options;
  const kinds = [
    ...poolKinds,
    ...optionalKinds,
    ...routingKinds,
    ...(isRendering ? certificateKinds : []),
  ];
  return [
    ...kinds.map((kind) => (chosen === "all" ? kind : { ...kind, namespaces: chosen })),
    ...(chosen === "all" ? [namespaces] : []),
    ...(isRendering ? [gatewayClasses] : []),
  ];
}
