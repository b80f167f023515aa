import type { ReferenceGrant } from "../resources/resources.ts";

/** What refers, and what is referred to, across namespaces. */
export interface Reference {
  readonly from: { readonly group: string; readonly kind: string; readonly namespace: string };
  readonly to: {
    readonly group: string;
    readonly kind: string;
    readonly namespace: string;
    readonly name: string;
  };
}

/** True where a ReferenceGrant of the namespace that is referred to lets the reference be. */
export function isGranted(grants: readonly ReferenceGrant[], { from, to }: Reference): boolean {
  return grants.some(
    (grant) =>
      grant.namespace === to.namespace &&
      grant.from.some(
        (each) =>
          each.group === from.group && each.kind === from.kind && each.namespace === from.namespace,
      ) &&
      grant.to.some(
        (each) =>
          each.group === to.group &&
          each.kind === to.kind &&
          (each.name === undefined || each.name === to.name),
      ),
  );
}
