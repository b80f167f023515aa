import { UsageError } from "../errors.ts";
import { checked, collect } from "../flag-values.ts";
import type { FlagTable } from "../flags.ts";
import { checkReadable } from "../process/usable-file.ts";

/** Flags that choose an API server as a source of resources. */
export interface KubeFlags {
  readonly kube?: true;
  readonly kubeconfig?: string;
  readonly namespace?: readonly string[];
  readonly allNamespaces?: true;
  readonly lease?: string;
  readonly status?: boolean;
}

const of = {
  ...{ serve: undefined, up: undefined, check: undefined },
  ...{ explain: undefined, report: undefined, list: undefined },
};

export const kubeFlags: FlagTable<KubeFlags> = {
  kube: {
    flag: "--kube",
    help: "take the resources from a Kubernetes API server, alone or with those of files",
    of,
  },
  kubeconfig: {
    flag: "--kubeconfig <file>",
    help: "kubeconfig of the API server (default: $KUBECONFIG, else the pod's own identity, else ~/.kube/config)",
    read: checked(checkReadable),
    of,
  },
  namespace: {
    flag: "--namespace <name>",
    help: "namespace to read (default: that of the pod or of the kubeconfig's context); repeatable",
    read: collect,
    of,
  },
  allNamespaces: {
    flag: "--all-namespaces",
    help: "read all namespaces",
    of,
  },
  lease: {
    flag: "--lease <name>",
    help: "Lease in the pod's namespace, whose holder writes the statuses of objects (default: umbra-status)",
    of: { serve: undefined },
  },
  status: {
    flag: "--no-status",
    help: "don't write statuses of objects to the API server",
    of: { serve: true },
  },
};

/** Most namespaces that are followed one by one: each has requests of its own for each kind. */
const maxNamespaces = 50;

/** Which API server to follow, and what of it. */
export interface KubeChoice {
  readonly file?: string;
  /** Undefined: that of the pod or of the context. */
  readonly namespaces?: readonly string[] | "all";
}

/** Undefined without `--kube`. Throws UsageError if the flags contradict each other. */
export function kubeChoiceOf(flags: KubeFlags & DirectFlags): KubeChoice | undefined {
  const { kube, kubeconfig, namespace, allNamespaces, primary, shadow } = flags;
  if (kube === undefined) {
    refuseWithoutKube(flags);
    return undefined;
  }
  if (primary !== undefined || shadow !== undefined) {
    throw new UsageError("give either --kube, or --primary and --shadow");
  }
  if (namespace !== undefined && allNamespaces === true) {
    throw new UsageError("give either --namespace or --all-namespaces, not both");
  }
  const wrong = namespace?.find((name) => !/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(name));
  if (flags.lease !== undefined && !isObjectName(flags.lease)) {
    throw new UsageError(`--lease expects the name of a Lease, got "${flags.lease.slice(0, 100)}"`);
  }
  if (wrong !== undefined) {
    throw new UsageError(`--namespace expects a namespace's name, got "${wrong.slice(0, 100)}"`);
  }
  if ((namespace?.length ?? 0) > maxNamespaces) {
    throw new UsageError(
      `--namespace names more than ${maxNamespaces} namespaces: use --all-namespaces`,
    );
  }
  return {
    ...(kubeconfig === undefined ? {} : { file: kubeconfig }),
    ...(allNamespaces === true ? { namespaces: "all" as const } : {}),
    ...(namespace === undefined ? {} : { namespaces: namespace }),
  };
}

interface DirectFlags {
  readonly primary?: string;
  readonly shadow?: string;
}

/** The Lease whose holder writes statuses; undefined with `--no-status`. */
export function statusLeaseOf({ status, lease = "umbra-status" }: KubeFlags): string | undefined {
  return status === false ? undefined : lease;
}

function isObjectName(name: string): boolean {
  return name.length <= 253 && /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/.test(name);
}

function refuseWithoutKube({ kubeconfig, namespace, allNamespaces, lease }: KubeFlags): void {
  const given = Object.entries({
    "--kubeconfig": kubeconfig,
    "--namespace": namespace,
    "--all-namespaces": allNamespaces,
    "--lease": lease,
  }).find(([, value]) => value !== undefined);
  if (given !== undefined) throw new UsageError(`${given[0]} needs --kube`);
}
