import { isIP } from "node:net";
import { type EndpointList, parseEndpointList } from "../endpoint-list.ts";
import { socketName } from "../names.ts";
import { groupByResource } from "../resource-map.ts";
import { flagOf } from "../resource-ref.ts";
import { endpointsAnnotation } from "../resources/annotations.ts";
import type { Meta } from "../resources/meta.ts";
import type { Report } from "../resources/report.ts";
import type {
  EndpointSlice,
  InferencePool,
  Pod,
  Resources,
  Service,
  ServicePort,
} from "../resources/resources.ts";
import { createSelectorIndex } from "./selector-index.ts";

/** Finds the endpoints of pools from the first source that has any: flags, annotations, EndpointSlices, Pods. */
export interface EndpointFinder {
  /** Undefined if no source has any. */
  ofPool(pool: InferencePool): FoundEndpoints | undefined;
  ofService(service: Service, port: ServicePort): FoundEndpoints | undefined;
  /** Returns the Pod of an endpoint; the last one if there are several, a ready one before one that is leaving. */
  podOf(endpoint: string): Pod | undefined;
}

/**
 * Decides whether a Service without an EndpointSlice and a serving Pod has no endpoint at the moment, or unknown ones.
 * `serving`: unknown, because the resources are read once and Pods may become ready later.
 * `some`: it has none if it has a Pod in any state. `all`: it has none, because the resources have every Pod.
 */
export type KnownPods = "serving" | "some" | "all";

/** `ip:port`, sorted. No endpoint is in both lists. */
export interface FoundEndpoints {
  /** Ready ones; if there are none, those that are leaving but still serve, as Kubernetes does. */
  readonly endpoints: readonly string[];
  /** Those that are leaving but still serve, next to ready ones. */
  readonly draining: readonly string[];
}

export interface EndpointSources {
  readonly resources: Pick<Resources, "slices" | "pods">;
  /** The values of `--endpoints`, by resource name or `namespace/name`. */
  readonly endpoints: ReadonlyMap<string, readonly string[]>;
  /** What is known about a Service whose selector matches no serving Pod. */
  readonly known: KnownPods;
  readonly report: Report;
}

/** The parsed annotations of resources, which are resolved again with each change of another one. */
const annotated = new WeakMap<Meta, EndpointList>();

export function createEndpointFinder(sources: EndpointSources): EndpointFinder {
  const { resources, endpoints, known, report } = sources;
  const slices = groupByResource(resources.slices, ({ namespace, labels }) => ({
    namespace,
    name: labels["kubernetes.io/service-name"] ?? "",
  }));
  const serving = resources.pods.filter(isServing);
  const allPodsOf = createSelectorIndex(resources.pods, ({ labels }) => labels);
  const podsOf = (...selected: Parameters<typeof allPodsOf>) =>
    allPodsOf(...selected).filter(isServing);
  const podByIp = new Map(
    serving
      .toSorted((a, b) => Number(a.isReady) - Number(b.isReady))
      .map((pod) => [socketName({ address: pod.ip ?? "", port: 0 }).slice(0, -1), pod]),
  );

  /** Returns the endpoints that the user lists; undefined if none are listed. */
  function named(meta: Meta): FoundEndpoints | undefined {
    const flagged = flagOf(endpoints, meta);
    if (flagged !== undefined) return { endpoints: flagged.toSorted(), draining: [] };
    const annotation = meta.annotations[endpointsAnnotation];
    if (annotation === undefined) return undefined;
    const parsed = annotated.get(meta) ?? parseEndpointList(annotation);
    annotated.set(meta, parsed);
    if (parsed.ok) return { endpoints: parsed.endpoints, draining: [] };
    const message = `annotation ${endpointsAnnotation} of "${meta.name}": ${parsed.message}`;
    report("error", "UMB0206", meta.place, message);
    return { endpoints: [], draining: [] };
  }

  return {
    ofPool(pool) {
      const own = named(pool);
      if (own !== undefined) return own;
      const pods = podsOf(pool.namespace, pool.selector);
      if (pods.length === 0 || pool.targetPorts.length === 0) return undefined;
      const found = pods.flatMap((pod) => pool.targetPorts.map((port) => addressOf(pod, port)));
      return usable(pool, report, found);
    },
    ofService(service, port) {
      const own = named(service);
      if (own !== undefined) return own;
      const ownSlices = slices.get(service);
      if (ownSlices !== undefined) {
        return usable(service, report, sliceEndpoints(ownSlices, service, port, report));
      }
      const { namespace, selector } = service;
      const pods = podsOf(namespace, selector);
      const hasNone =
        known === "all" || (known === "some" && allPodsOf(namespace, selector).length > 0);
      if (pods.length === 0 && !hasNone) return undefined;
      return usable(service, report, podsAt(pods, service, port, report));
    },
    podOf: (endpoint) => podByIp.get(endpoint.slice(0, endpoint.lastIndexOf(":") + 1)),
  };
}

function isServing({ ip, isReady, isDraining }: Pod): boolean {
  return ip !== undefined && (isReady || isDraining);
}

/** An endpoint that serves. */
interface Address {
  readonly address: string;
  /** False: it is leaving. */
  readonly isReady: boolean;
}

function addressOf({ ip, isReady }: Pod, port: number): Address {
  return { address: socketName({ address: ip ?? "", port }), isReady };
}

/** Removes addresses that can't be model servers, and separates those that are leaving. */
function usable(meta: Meta, report: Report, found: readonly Address[]): FoundEndpoints {
  const sound = found.filter((each) => {
    const parsed = parseEndpointList(each.address);
    if (!parsed.ok) report("error", "UMB0206", meta.place, `"${meta.name}": ${parsed.message}`);
    return parsed.ok;
  });
  const addresses = (of: readonly Address[]) =>
    [...new Set(of.map((each) => each.address))].toSorted();
  const ready = new Set(addresses(sound.filter(({ isReady }) => isReady)));
  if (ready.size === 0) return { endpoints: addresses(sound), draining: [] };
  return {
    endpoints: [...ready],
    draining: addresses(sound.filter((each) => !ready.has(each.address))),
  };
}

function podsAt(
  pods: readonly Pod[],
  service: Service,
  port: ServicePort,
  report: Report,
): readonly Address[] {
  const { targetPort = port.port } = port;
  return pods.flatMap((pod) => {
    const number = typeof targetPort === "number" ? targetPort : pod.ports.get(targetPort);
    if (number !== undefined) return addressOf(pod, number);
    const has = [...pod.ports.keys()].slice(0, 10).join(", ");
    const message = `no container of Pod "${pod.name}" has a port named "${targetPort}", the target port of Service "${service.name}", so it gets no requests; its named ports: ${has === "" ? "none" : has}`;
    report("warning", "UMB0252", pod.place, message);
    return [];
  });
}

function sliceEndpoints(
  slices: readonly EndpointSlice[],
  service: Service,
  port: ServicePort,
  report: Report,
): readonly Address[] {
  const isSecondAddress = secondAddresses(slices, service);
  return slices.flatMap((slice) => {
    if (slice.endpoints.length === 0) return [];
    const target = slice.ports.find(({ name }) => name === port.name);
    if (target !== undefined) {
      const firsts = slice.endpoints.filter((each) => !isSecondAddress(each));
      return firsts.map((each) => ({
        address: socketName({ address: each.address, port: target.port }),
        isReady: each.isReady,
      }));
    }
    const wanted = port.name === "" ? "without a name" : `named "${port.name}"`;
    const has = slice.ports.map(({ name, port }) => (name === "" ? port : name)).join(", ");
    const message = `EndpointSlice "${slice.name}" has no port ${wanted} for port ${port.port} of Service "${service.name}", so its endpoints get no requests; its ports: ${has === "" ? "none" : has}`;
    report("warning", "UMB0252", slice.place, message);
    return [];
  });
}

/**
 * Returns a function that is true for the second address of a Pod with an IPv4 and an IPv6 address, which are in two
 * slices. Both would be one endpoint that is counted twice.
 */
function secondAddresses(
  slices: readonly EndpointSlice[],
  { ipVersion }: Service,
): (endpoint: EndpointSlice["endpoints"][number]) => boolean {
  const isFirst = ({ address: ip }: { readonly address: string }) => isIP(ip) === ipVersion;
  const pods = new Set(
    slices.flatMap(({ endpoints }) => endpoints.filter(isFirst).flatMap(({ pod }) => pod ?? [])),
  );
  return (each) => !isFirst(each) && each.pod !== undefined && pods.has(each.pod);
}
