import type { KubernetesError } from "../api/kubernetes-error.ts";
import { resourceNameOf, type Scope } from "../objects/watched-kind.ts";

/** Something that keeps a kind from being followed, for logs and status pages. */
export interface Problem {
  readonly code:
    | "FORBIDDEN"
    | "ABSENT"
    | "UNREACHABLE"
    | "FAILING"
    /** The receiver of changes threw. The watch continues. */
    | "HANDLER";
  /** One sentence: what, where, how to fix it. */
  readonly message: string;
  readonly scope: Scope;
  /** With `FORBIDDEN`. */
  readonly missing?: MissingAccess;
  readonly cause?: unknown;
}

/** What the API server does not allow. */
export interface MissingAccess {
  readonly verb: "list" | "watch";
  readonly group: string;
  readonly resource: string;
  readonly namespace?: string;
  /** The rule to add to the Role, or to the ClusterRole, as JSON (which YAML takes). */
  readonly rule: string;
}

export function forbidden(scope: Scope, verb: "list" | "watch", error: KubernetesError): Problem {
  const { kind, namespace } = scope;
  const rule = JSON.stringify({
    apiGroups: [kind.group],
    resources: [kind.plural],
    verbs: ["list", "watch"],
  });
  const role = namespace === undefined ? "a ClusterRole" : `a Role in namespace "${namespace}"`;
  return {
    code: "FORBIDDEN",
    message: `${whereOf(scope)}: the API server does not allow to ${verb} it; add this rule to ${role} of Umbra's service account: ${rule} (${error.message})`,
    scope,
    missing: {
      verb,
      group: kind.group,
      resource: kind.plural,
      ...(namespace === undefined ? {} : { namespace }),
      rule,
    },
    cause: error,
  };
}

export function absent(scope: Scope): Problem {
  const { kind } = scope;
  return {
    code: "ABSENT",
    message: `${whereOf(scope)}: the API server has no such kind in version ${kind.version}; its objects are read once its CRD is installed`,
    scope,
  };
}

export function unreachable(scope: Scope, error: KubernetesError): Problem {
  return {
    code: "UNREACHABLE",
    message: `${whereOf(scope)}: the API server does not answer; the last state stays (${error.message})`,
    scope,
    cause: error,
  };
}

export function failing(scope: Scope, error: KubernetesError): Problem {
  return { code: "FAILING", message: `${whereOf(scope)}: ${error.message}`, scope, cause: error };
}

export function handlerThrew(scope: Scope, cause: unknown): Problem {
  return {
    code: "HANDLER",
    message: `${whereOf(scope)}: a receiver of changes threw: ${String(cause)}`,
    scope,
    cause,
  };
}

/** `httproutes.gateway.networking.k8s.io in namespace "a"`. */
function whereOf({ kind, namespace }: Scope): string {
  const where = namespace === undefined ? "" : ` in namespace "${namespace}"`;
  return `${resourceNameOf(kind)}${where}`;
}
