import { defined } from "@umbra/shadow/defined";
import { diagnosticCodes } from "../codes.ts";
import { createSelectorIndex } from "../resolve/selector-index.ts";
import type { ResourceRef } from "../resource-ref.ts";
import { meets } from "../resources/label-selector.ts";
import type { LabelRequirement } from "../resources/meta.ts";
import type { Report } from "../resources/report.ts";
import type { Resources } from "../resources/resources.ts";
import type { UnreadResource, UnreadTarget } from "../resources/unread-resource.ts";
import type { Topology } from "../topology.ts";
import type { LintInput } from "./lint-input.ts";
import { protectionOf, scopeOf } from "./protection.ts";
import { usedServices } from "./used-services.ts";

/**
 * Reports objects of kinds that Umbra does not read. An object that affects what Umbra serves is a warning. If it
 * restricts or protects, it is an error, because Umbra would serve without the protection.
 */
export function lintLeftOut({ topology, resources }: LintInput, report: Report): void {
  const served = servedOf(topology, resources);
  for (const each of resources.unread) {
    const concerned = runsOrWatches(each) ? undefined : relationTo(each, served);
    // A kind that looks misspelled is reported as such.
    const isSlip = each.meant !== undefined && protectionOf(each) === undefined;
    if (concerned === undefined || isSlip) reportUnconcerned(each, report);
    else reportConcerned(each, concerned, report);
  }
}

function reportConcerned(from: UnreadResource, concerned: string, report: Report): void {
  const protection = protectionOf(from);
  const shown = shownAs(from);
  const { place, meant } = from;
  if (from.isEnforcedElsewhere) {
    const code = protection === undefined ? "UMB0251" : "UMB0250";
    const message = `${shown} is ignored: according to its annotation it is enforced elsewhere`;
    report("info", code, place, message, { remedy: "no action needed" });
  } else if (protection !== undefined) {
    const what = protection === from.kind ? "it" : protection;
    const message = `${shown} ${concerned}, but Umbra does not enforce ${what}`;
    const remedy = meant && `${meant} Otherwise, ${diagnosticCodes.UMB0250.remedy}`;
    report("error", "UMB0250", place, message, defined({ remedy }));
  } else {
    const message = `${shown} ${concerned}, but Umbra ignores it: ${withoutEffect(from)}`;
    report("warning", "UMB0251", place, message);
  }
}

function reportUnconcerned(from: UnreadResource, report: Report): void {
  const { kind, apiVersion, meant } = from;
  const message = `${kind.slice(0, 64)} of ${apiVersion.slice(0, 64)} is ignored: Umbra does not read this kind`;
  const isProtective = protectionOf(from) !== undefined && !runsOrWatches(from);
  const remedy = isProtective
    ? "no action needed unless it should protect something that Umbra serves"
    : undefined;
  const severity = meant === undefined ? "info" : "warning";
  report(severity, "UMB0107", from.place, message, defined({ remedy: meant ?? remedy }));
}

function shownAs({ kind, namespace, name }: UnreadResource): string {
  return `${kind.slice(0, 64)} "${namespace.slice(0, 64)}/${name.slice(0, 128)}"`;
}

function withoutEffect({ kind }: UnreadResource): string {
  if (/Route$|^Ingress$|^VirtualService$/.test(kind)) return "its requests are not served";
  return kind.endsWith("NetworkPolicy")
    ? "the cluster enforces it, so it must allow Umbra's Envoy and sidecar to reach the Pods"
    : "it has no effect";
}

/** Kinds whose selectors choose Pods to run, scale or monitor, and never affect requests. */
const runningGroups: ReadonlySet<string> = new Set([
  "apps",
  "batch",
  "autoscaling",
  "autoscaling.k8s.io",
  "keda.sh",
  "leaderworkerset.x-k8s.io",
  "monitoring.coreos.com",
  "monitoring.googleapis.com",
  "operator.victoriametrics.com",
  "policy",
  "argoproj.io",
  "cert-manager.io",
  "external-secrets.io",
]);

/** The same for the core group. */
const runningKinds: ReadonlySet<string> = new Set([
  "PersistentVolume",
  "PersistentVolumeClaim",
  "ReplicationController",
]);

function runsOrWatches({ group, kind }: UnreadResource): boolean {
  if (/(?:Monitor|Monitoring|Scrape)$/.test(kind)) return true;
  return runningGroups.has(group) || (group === "" && runningKinds.has(kind));
}

/** Istio's default root namespace: objects in it apply to every namespace. */
const rootNamespace = "istio-system";

const clusterWideKinds = /^(?:Global|CiliumClusterwide|(?:Baseline)?Admin)NetworkPolicy$/;

/** An object that Umbra reads and serves. */
interface Served extends ResourceRef {
  readonly group: RegExp;
  readonly kind: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Labels that its Pods are known to have; undefined if unknown. */
  readonly podLabels?: Readonly<Record<string, string>>;
}

const gatewayGroup = /^gateway\.networking\.k8s\.io$/;
const inferenceGroup = /^(?:inference\.networking\.(?:x-)?k8s\.io|llm-d\.ai)$/;
const coreGroup = /^(?:core)?$/;

function servedOf(topology: Topology, resources: Resources): readonly Served[] {
  const { gateways, routes, pools, pods } = resources;
  const services = usedServices(topology, resources);
  const gateway = { group: gatewayGroup, kind: "Gateway" };
  const route = { group: gatewayGroup, kind: "HTTPRoute" };
  const pool = { group: inferenceGroup, kind: "InferencePool" };
  const service = { group: coreGroup, kind: "Service" };
  const pod = { group: coreGroup, kind: "Pod" };
  const podsOf = createSelectorIndex(pods, ({ labels }) => labels);
  const selected = new Set(
    [...pools, ...services].flatMap((each) => podsOf(each.namespace, each.selector)),
  );
  return [
    ...gateways.map((each) => ({
      ...{ ...each, ...gateway },
      podLabels: gatewayPodLabels(each.name, each.className),
    })),
    ...gateways
      .filter(({ className }) => className !== "")
      .map(({ namespace, className }) => ({
        ...{ group: gatewayGroup, kind: "GatewayClass", namespace, name: className, labels: {} },
      })),
    ...routes.map((each) => ({ ...each, ...route })),
    ...pools.map((each) => ({ ...each, ...pool, podLabels: each.selector })),
    ...services.map((each) => ({ ...each, ...service, podLabels: each.selector })),
    ...pods
      .filter((each) => selected.has(each))
      .map((each) => ({ ...each, ...pod, podLabels: each.labels })),
  ];
}

/** Labels that controllers set on the Pods of a Gateway. */
function gatewayPodLabels(name: string, className: string): Readonly<Record<string, string>> {
  return {
    "gateway.networking.k8s.io/gateway-name": name,
    "istio.io/gateway-name": name,
    "gateway.envoyproxy.io/owning-gateway-name": name,
    "gateway.networking.k8s.io/gateway-class-name": className,
  };
}

/** Describes how an object affects something that Umbra serves: `targets Gateway "gw"`. */
function relationTo(from: UnreadResource, served: readonly Served[]): string | undefined {
  const { targets, selectors, hosts, namespace } = from;
  const scope = scopeOf(from);
  const isEverywhere =
    clusterWideKinds.test(from.kind) || (scope !== undefined && namespace === rootNamespace);
  for (const target of targets) {
    const hit = served.find((each) => isTarget(target, each));
    if (hit !== undefined) return `${target.relation} ${namedAs(hit)}`;
    if (target.kind === "Namespace" && served.some((each) => each.namespace === target.name)) {
      return `targets the namespace "${target.name}"`;
    }
  }
  for (const selector of selectors) {
    const hit = served.find(
      (each) => (each.namespace === namespace || isEverywhere) && selects(selector, each),
    );
    if (hit !== undefined) return `selects Pods of ${namedAs(hit)}`;
  }
  for (const host of hosts) {
    const hit = served.find((each) => each.kind === "Service" && isHostOf(host, namespace, each));
    if (hit !== undefined) return `refers to ${namedAs(hit)}`;
  }
  if (targets.length > 0 || selectors.length > 0) return undefined;
  const isRoot = scope === "everything" || (scope !== undefined && isEverywhere);
  const hit = served.find(
    (each) => isRoot || (scope === "namespace" && each.namespace === namespace),
  );
  return hit === undefined || scope === undefined ? undefined : `applies to ${namedAs(hit)}`;
}

function namedAs({ kind, name }: Served): string {
  return `${kind} "${name}"`;
}

function isTarget(target: UnreadTarget, served: Served): boolean {
  if (target.kind !== served.kind) return false;
  if (target.group !== undefined && !served.group.test(target.group)) return false;
  // A class has no namespace.
  if (served.kind !== "GatewayClass" && target.namespace !== served.namespace) return false;
  return target.name === undefined
    ? meets(served.labels, target.selector ?? [])
    : target.name === served.name;
}

/** True if the Pods may match the selector: no label contradicts it, and at least one matches. */
function selects(selector: readonly LabelRequirement[], { podLabels, kind }: Served): boolean {
  if (podLabels === undefined || Object.keys(podLabels).length === 0) return false;
  if (selector.length === 0) return true;
  if (kind === "Pod") return meets(podLabels, selector);
  const known = selector.filter(({ key }) => Object.hasOwn(podLabels, key));
  return known.length > 0 && meets(podLabels, known);
}

/** `vllm`, `vllm.default`, `vllm.default.svc`, `vllm.default.svc.cluster.local`. */
function isHostOf(host: string, namespace: string, served: Served): boolean {
  const [name, of = namespace, svc] = host.split(".", 3);
  return name === served.name && of === served.namespace && (svc === undefined || svc === "svc");
}
