import type { KubeObject } from "./chart-files.ts";

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** One right of a Role or ClusterRole. */
export interface Right {
  readonly verb: string;
  /** As in messages: `pods`, `gateways.gateway.networking.k8s.io`. */
  readonly resource: string;
  /** Undefined: of all namespaces, or of objects without one. */
  readonly namespace?: string;
}

/** Every right that a manifest grants. */
export function rightsIn(objects: readonly KubeObject[]): readonly Right[] {
  return objects
    .filter(({ kind }) => kind === "Role" || kind === "ClusterRole")
    .flatMap(({ rules, metadata: { namespace } }) =>
      (rules as readonly Rule[]).flatMap((rule) =>
        rule.apiGroups.flatMap((group) =>
          rule.resources.flatMap((plural) =>
            rule.verbs.map((verb) => ({
              ...{ verb, resource: group === "" ? plural : `${plural}.${group}` },
              ...(namespace === undefined ? {} : { namespace }),
            })),
          ),
        ),
      ),
    );
}

/** Sorted, to compare and to read. */
export function rightsText(rights: readonly Right[]): readonly string[] {
  return rights
    .map(({ verb, resource, namespace = "(cluster)" }) => `${namespace} ${resource} ${verb}`)
    .toSorted();
}
