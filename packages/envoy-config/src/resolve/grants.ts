import type { ReferenceGrant } from "../resources/resources.ts";

/** True where a Gateway or HTTPRoute may refer to a resource: one of its own namespace, or where a ReferenceGrant there lets it. */
export function mayRefer(
  from: { readonly kind: "Gateway" | "HTTPRoute"; readonly namespace: string },
  to: Record<"group" | "kind" | "namespace" | "name", string>,
  grants: readonly ReferenceGrant[],
): boolean {
  if (from.namespace === to.namespace) return true;
  const isFrom = (each: ReferenceGrant["from"][number]) =>
    each.group === "gateway.networking.k8s.io" &&
    each.kind === from.kind &&
    each.namespace === from.namespace;
  const isTo = ({ group, kind, name = to.name }: ReferenceGrant["to"][number]) =>
    group === to.group && kind === to.kind && name === to.name;
  return grants.some(
    (grant) => grant.namespace === to.namespace && grant.from.some(isFrom) && grant.to.some(isTo),
  );
}
