import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import { shippedFile } from "../process/shipped-file.ts";

/** An object that installs a part of Umbra. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

export interface InstallChoice {
  readonly mode: "gateway" | "picker";
  /** Where Umbra's pods are. */
  readonly namespace: string;
  /** Namespaces whose objects are served; empty: `namespace`. */
  readonly watched: readonly string[];
  /** Of Umbra's containers; absent: as in the manifests. */
  readonly image?: string;
}

/** The namespace of the manifests in `deploy/kubernetes`. */
const ownNamespace = "umbra";

/** Everything to apply, in this order: definitions first, and what needs a namespace after it. */
export function manifestsOf(choice: InstallChoice): readonly Manifest[] {
  const definitions = shippedFile("deploy/crds");
  const files = readdirSync(definitions).filter((name) => name.endsWith(".yaml"));
  return [
    ...files.toSorted().flatMap((name) => documentsOf(join(definitions, name))),
    ...parsed(`apiVersion: v1\nkind: Namespace\nmetadata: { name: ${choice.namespace} }`),
    ...(choice.mode === "gateway" ? parsed(gatewayClass) : []),
    ...peersRole(choice),
    ...documentsOf(join(shippedFile("deploy/kubernetes"), choice.mode, "umbra.yaml")).flatMap(
      (each) => placed(each, choice),
    ),
  ];
}

const gatewayClass = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: umbra }
spec: { controllerName: umbra.dev/gateway }
`;

/** The right of replicas to find each other, where their own namespace is not one that is served. */
function peersRole({ namespace, watched }: InstallChoice): readonly Manifest[] {
  if (watched.length === 0 || watched.includes(namespace)) return [];
  const metadata = { name: "umbra-peers", namespace };
  const apiGroup = "rbac.authorization.k8s.io";
  const apiVersion = `${apiGroup}/v1`;
  const rule = { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"] };
  return [
    { apiVersion, kind: "Role", metadata, rules: [{ ...rule, verbs: ["list", "watch"] }] },
    {
      ...{ apiVersion, kind: "RoleBinding", metadata },
      roleRef: { apiGroup, kind: "Role", name: metadata.name },
      subjects: [{ kind: "ServiceAccount", name: "umbra", namespace }],
    },
  ];
}

function documentsOf(file: string): readonly Manifest[] {
  return parseAllDocuments(readFileSync(file, "utf8")).flatMap((document) => {
    const value = document.toJS() as Manifest | null;
    return value === null ? [] : [value];
  });
}

function parsed(text: string): readonly Manifest[] {
  return [parse(text) as Manifest];
}

/** The objects that a manifest stands for in the chosen namespace. */
function placed(manifest: Manifest, choice: InstallChoice): readonly Manifest[] {
  const moved = moveTo(manifest, choice);
  const { watched } = choice;
  if (watched.length > 0 && isOfFollowing(moved)) {
    return watched.map((namespace) => ({ ...moved, metadata: { ...moved.metadata, namespace } }));
  }
  return moved.kind === "Deployment" ? [withFlags(moved, choice)] : [moved];
}

/** Names of objects outside of the chosen namespace differ between installations. */
function moveTo(manifest: Manifest, { namespace }: InstallChoice): Manifest {
  if (namespace === ownNamespace) return manifest;
  const isOutside = manifest.kind.startsWith("ClusterRole") || isOfFollowing(manifest);
  const named = <T extends { readonly name: string }>(of: T): T =>
    isOutside ? { ...of, name: `${of.name}-${namespace}` } : of;
  const { metadata, subjects, roleRef } = manifest as Manifest & Partial<Binding>;
  return {
    ...manifest,
    metadata: {
      ...named(metadata),
      ...(metadata.namespace === undefined ? {} : { namespace }),
    },
    ...(subjects && { subjects: subjects.map((each) => ({ ...each, namespace })) }),
    ...(roleRef && { roleRef: named(roleRef) }),
  };
}

interface Binding {
  readonly subjects: readonly { readonly name: string }[];
  readonly roleRef: { readonly kind: string; readonly name: string };
}

/** The Role, and its binding, to read what is served: not those of the Lease, which is where the pods are. */
function isOfFollowing({ kind, metadata: { name } }: Manifest): boolean {
  return (kind === "Role" || kind === "RoleBinding") && !/-(?:lease|peers)$/.test(name);
}

/** Gives Umbra's containers their image, and the one that serves its namespaces. */
function withFlags(deployment: Manifest, choice: InstallChoice): Manifest {
  const changed = (containers: readonly Container[] = []) =>
    containers.map((each) => containerOf(each, choice));
  const { template, ...spec } = deployment.spec as DeploymentSpec;
  const pod = { ...template.spec, containers: changed(template.spec.containers) };
  const first = template.spec.initContainers;
  const whole = first === undefined ? pod : { ...pod, initContainers: changed(first) };
  return { ...deployment, spec: { ...spec, template: { ...template, spec: whole } } };
}

interface Container {
  readonly image: string;
  readonly args?: readonly string[];
}

interface DeploymentSpec {
  readonly template: {
    readonly spec: {
      readonly containers: readonly Container[];
      readonly initContainers?: readonly Container[];
    };
  };
}

function containerOf(
  container: Container,
  { image, namespace, watched }: InstallChoice,
): Container {
  const { args } = container;
  return {
    ...container,
    ...(image === undefined ? {} : { image }),
    ...(args && {
      args: args.flatMap((arg) => {
        const moved = arg.replace(`=${ownNamespace}/`, `=${namespace}/`);
        return moved === "--kube"
          ? [moved, ...watched.map((each) => `--namespace=${each}`)]
          : moved;
      }),
    }),
  };
}
