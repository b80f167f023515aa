import { defined } from "@umbra/shadow/defined";
import { didYouMean } from "../nearest.ts";
import { ResourceMap } from "../resource-map.ts";
import { isSameResource, type ResourceRef, resourceName } from "../resource-ref.ts";
import type { Place, Report } from "../resources/report.ts";
import type {
  BackendTlsPolicy,
  InferencePool,
  ObjectRef,
  Resources,
  Service,
  ServicePort,
} from "../resources/resources.ts";
import type { EndpointTls, Pool } from "../topology.ts";
import { certificateIn } from "./certificates.ts";
import { byAge } from "./picking.ts";

/** Resolves TLS to endpoints: from BackendTLSPolicies, else from a Service's `appProtocol`. */
export interface EndpointTlsResolver {
  ofPool(pool: InferencePool): Pick<Pool, "tls">;
  ofService(service: Service, port: ServicePort): Pick<Pool, "tls">;
  /** True if the policy about the endpoints has an error: without it, requests might be readable on their way. */
  isRefusedForPool(pool: InferencePool): boolean;
  isRefusedForService(service: Service, port: ServicePort): boolean;
}

export function createEndpointTlsResolver(
  resources: Pick<Resources, "tlsPolicies" | "configMaps" | "secrets" | "pools" | "services">,
  report: Report,
): EndpointTlsResolver {
  const ofPools = new ResourceMap<PolicyBySection>();
  const ofServices = new ResourceMap<PolicyBySection>();
  for (const policy of resources.tlsPolicies.toSorted(byAge)) {
    const tls = policy.isBroken ? undefined : tlsOf(policy, resources, report);
    for (const target of policy.targets) {
      const problem = problemOf(target, policy.namespace, resources);
      if (problem !== undefined) {
        const { severity, message, remedy } = problem;
        report(severity, "UMB0253", target.place, message, { remedy });
        continue;
      }
      const targets = target.kind === "Service" ? ofServices : ofPools;
      const at = { namespace: policy.namespace, name: target.name };
      const bySection = targets.take(at, () => new Map());
      const first = bySection.get(target.sectionName);
      if (first === undefined) bySection.set(target.sectionName, { policy, tls });
      else if (first.policy !== policy) conflict(policy, first.policy, target.place, report);
    }
  }

  function heldFor(service: Service, { name: port }: ServicePort): HeldPolicy | undefined {
    const bySection = ofServices.get(service);
    const named = port === "" ? undefined : bySection?.get(port);
    return named ?? bySection?.get(undefined);
  }

  return {
    isRefusedForPool: (pool) => isRefused(ofPools.get(pool)?.get(undefined)),
    isRefusedForService: (service, port) => isRefused(heldFor(service, port)),
    ofPool: (pool) => defined({ tls: ofPools.get(pool)?.get(undefined)?.tls }),
    ofService(service, port) {
      const { port: number, isTls, place } = port;
      const held = heldFor(service, port);
      if (held !== undefined) return defined({ tls: held.tls });
      if (isTls !== true) return {};
      const message = `TLS to the endpoints of port ${number} of Service "${service.name}" is not verified: appProtocol does not define a CA`;
      report("warning", "UMB0254", place, message);
      return { tls: {} };
    },
  };
}

interface HeldPolicy {
  readonly policy: BackendTlsPolicy;
  /** Undefined if the policy has an error. */
  readonly tls: EndpointTls | undefined;
}

/** Policies of one target by port name; undefined: the whole target. */
type PolicyBySection = Map<string | undefined, HeldPolicy>;

function isRefused(held: HeldPolicy | undefined): boolean {
  return held !== undefined && held.tls === undefined;
}

function conflict(
  policy: BackendTlsPolicy,
  first: BackendTlsPolicy,
  place: Place,
  report: Report,
): void {
  const message = `BackendTLSPolicy "${policy.name}" is ignored here: "${first.name}" has the same target and takes precedence`;
  report("warning", "UMB0253", place, message, { remedy: "remove one of the two" });
}

interface TargetProblem {
  readonly severity: "error" | "warning";
  readonly message: string;
  readonly remedy: string;
}

function problemOf(
  { group, kind, name, sectionName }: BackendTlsPolicy["targets"][number],
  namespace: string,
  { pools, services }: Pick<Resources, "pools" | "services">,
): TargetProblem | undefined {
  const isPool = kind === "InferencePool" && /^inference\.networking\.(?:x-)?k8s\.io$/.test(group);
  const isService = kind === "Service" && group === "";
  const severity = "error";
  if (!isPool && !isService) {
    const message = `a target of kind ${kind.slice(0, 64)} in group "${group.slice(0, 128)}" is not supported`;
    return { severity, message, remedy: "use a Service or an InferencePool, with its group" };
  }
  const all: readonly Named[] = isPool ? pools : services;
  const known = all.find((each) => isSameResource(each, { namespace, name }));
  if (known === undefined) {
    const message = `${kind} "${resourceName({ namespace, name })}" is not among the resources, so the policy has no effect on this target`;
    const remedy = remedyOfMissing(name, namespace, all);
    return { severity: "warning", message, remedy };
  }
  if (sectionName === undefined) return undefined;
  const ports = (known.ports ?? []).map((each) => each.name);
  if (ports.includes(sectionName)) return undefined;
  const has = ports.filter((each) => each !== "").join(", ");
  const message = `${kind} "${name}" has no port named "${sectionName.slice(0, 64)}"`;
  const remedy = has === "" ? "remove `sectionName`" : `use one of ${has}`;
  return { severity, message, remedy };
}

type Named = ResourceRef & Partial<Pick<Service, "ports">>;

function remedyOfMissing(name: string, namespace: string, all: readonly Named[]): string {
  const elsewhere = all.find((each) => each.name === name);
  if (elsewhere !== undefined) {
    return `a policy only applies to its own namespace: move it to "${elsewhere.namespace}", the namespace of "${name}"`;
  }
  const own = all.filter((each) => each.namespace === namespace).map((each) => each.name);
  return didYouMean(name, own, '"').remedy ?? "add it, or remove the target";
}

function tlsOf(
  { namespace, hostname, authorities }: BackendTlsPolicy,
  resources: Pick<Resources, "configMaps" | "secrets">,
  report: Report,
): EndpointTls | undefined {
  if (authorities === undefined) return { hostname };
  const pems = authorities.map((ref) => {
    const pem = authorityOf(ref, namespace, resources);
    if (!("problem" in pem)) return pem.pem;
    report("error", "UMB0253", ref.place, pem.problem);
    return undefined;
  });
  return pems.includes(undefined) ? undefined : { hostname, caPem: pems.join("") };
}

/** Only certificates: other content of a Secret or ConfigMap must not be printed. */
const certificateBlock = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

function authorityOf(
  { group, kind, name }: ObjectRef,
  namespace: string,
  { configMaps, secrets }: Pick<Resources, "configMaps" | "secrets">,
): { readonly pem: string } | { readonly problem: string } {
  const isHere = (each: ResourceRef) => isSameResource(each, { namespace, name });
  const shown = `${kind.slice(0, 64)} "${resourceName({ namespace, name })}"`;
  if (group !== "" || (kind !== "ConfigMap" && kind !== "Secret")) {
    return {
      problem: `a CA of kind ${kind.slice(0, 64)} in group "${group.slice(0, 128)}" is not supported: use a ConfigMap or a Secret`,
    };
  }
  const from = kind === "ConfigMap" ? configMaps.find(isHere) : secrets.find(isHere);
  if (from === undefined) return { problem: `${shown} is not among the resources` };
  const text = "data" in from ? from.data.get("ca.crt") : from.authority;
  if (text === undefined) return { problem: `${shown} has no \`ca.crt\`` };
  const blocks = text.match(certificateBlock) ?? [];
  if (blocks.length === 0 || blocks.some((each) => certificateIn(each) === undefined)) {
    return { problem: `${shown} has no PEM certificate in \`ca.crt\`` };
  }
  return { pem: blocks.map((block) => `${block}\n`).join("") };
}
