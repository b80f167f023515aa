import type { ObjectStatus } from "@umbra/envoy-config";
import type { JsonObject, StatusTarget } from "@umbra/kubernetes";

/** A kind with a status of Umbra's. */
interface WrittenKind {
  readonly kind: StatusTarget["kind"];
  /** The list that it shares with other controllers. */
  readonly shared?: Pick<NonNullable<ObjectStatus["shared"]>, "field" | "key" | "isRequired">;
}

const gatewayGroup = "gateway.networking.k8s.io";
const parents = { field: "parents", key: "parentRef" } as const;

/** Statuses of Gateways and of what is attached to them: only what gives Envoy its configuration has something to write. */
const gatewayKinds: readonly WrittenKind[] = [
  { kind: kindOf(gatewayGroup, "v1", "gatewayclasses", "GatewayClass") },
  { kind: kindOf(gatewayGroup, "v1", "gateways", "Gateway") },
  {
    kind: kindOf(gatewayGroup, "v1", "httproutes", "HTTPRoute"),
    shared: { ...parents, isRequired: true },
  },
  {
    kind: kindOf("inference.networking.k8s.io", "v1", "inferencepools", "InferencePool"),
    shared: { ...parents, isRequired: false },
  },
];

const policyKinds: readonly WrittenKind[] = [
  {
    kind: kindOf("umbra.dev", "v1alpha1", "shadowpolicies", "ShadowPolicy"),
    shared: { field: "ancestors", key: "ancestorRef", isRequired: false },
  },
];

function kindOf(group: string, version: string, plural: string, kind: string): WrittenKind["kind"] {
  return { group, version, plural, kind, isNamespaced: kind !== "GatewayClass" };
}

/** The kinds whose statuses a sidecar writes. */
export interface StatusTargets {
  /** Undefined: its status is not Umbra's. */
  of(owner: ObjectStatus["of"]): StatusTarget | undefined;
  /** As `of`, for an object of an API server. */
  ofObject(object: JsonObject): StatusTarget | undefined;
  /** The status of an object that is not Umbra's any more: without Umbra's entries. Undefined: it stays as it is. */
  emptyOf(target: StatusTarget): ObjectStatus | undefined;
}

/** @param isRendering whether Envoys get their configuration from this sidecar */
export function statusTargets({ isRendering }: { readonly isRendering: boolean }): StatusTargets {
  const written = [...policyKinds, ...(isRendering ? gatewayKinds : [])];
  const find = (group: unknown, kind: unknown) =>
    written.find((each) => each.kind.group === group && each.kind.kind === kind);
  return {
    of({ group, kind, namespace, name }) {
      const found = find(group, kind);
      return found && targetOf(found, namespace, name);
    },
    ofObject({ apiVersion, kind, metadata }) {
      const [group, version] = String(apiVersion).split("/");
      const found = find(group, kind);
      if (found === undefined || found.kind.version !== version) return undefined;
      const { namespace, name } = metadata as unknown as { namespace?: string; name: string };
      return targetOf(found, namespace, name);
    },
    emptyOf({ kind: { group, kind }, namespace, name }) {
      const shared = find(group, kind)?.shared;
      if (shared === undefined) return undefined;
      const of = { group, kind, name, ...(namespace === undefined ? {} : { namespace }) };
      return { of, own: {}, shared: { ...shared, entries: [] } };
    },
  };
}

function targetOf(
  { kind }: WrittenKind,
  namespace: string | undefined,
  name: string,
): StatusTarget {
  const isNamespaced = kind.isNamespaced && namespace !== undefined;
  return { kind, name, ...(isNamespaced ? { namespace } : {}) };
}
