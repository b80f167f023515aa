import type { ReferenceGrant } from "../resources/resources.ts";

/** True if a Gateway or HTTPRoute may refer to a resource: in its own namespace, or with a ReferenceGrant in the resource's namespace. */
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
