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

/** A right, and a rule that grants nothing else. */
interface SingleRule {
  readonly right: Right;
  readonly rule: Rule;
}

/** Every right that a manifest grants. */
export function rightsIn(objects: readonly KubeObject[]): readonly Right[] {
  return objects
    .filter(({ kind }) => kind === "Role" || kind === "ClusterRole")
    .flatMap((role) => singleRules(role).map(({ right }) => right));
}

/** A Role or ClusterRole that lacks some of its rights. */
export function withoutRights(role: KubeObject, isLeftOut: (right: Right) => boolean): KubeObject {
  const kept = singleRules(role).filter(({ right }) => !isLeftOut(right));
  return { ...role, rules: kept.map(({ rule }) => rule) };
}

function singleRules({ rules, metadata: { namespace } }: KubeObject): readonly SingleRule[] {
  return (rules as readonly Rule[]).flatMap((rule) =>
    rule.apiGroups.flatMap((group) =>
      rule.resources.flatMap((plural) =>
        rule.verbs.map((verb) => ({
          right: {
            ...{ verb, resource: group === "" ? plural : `${plural}.${group}` },
            ...(namespace === undefined ? {} : { namespace }),
          },
          rule: { ...rule, apiGroups: [group], resources: [plural], verbs: [verb] },
        })),
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
