import { isIP } from "node:net";
import { parseEndpointList } from "../endpoint-list.ts";
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

/** Finds the endpoints of pools: from flags, annotations, EndpointSlices, or ready Pods, in that order. */
export interface EndpointFinder {
  /** `ip:port`, sorted; undefined where nothing names any. */
  ofPool(pool: InferencePool): readonly string[] | undefined;
  ofService(service: Service, port: ServicePort): readonly string[] | undefined;
  /** The ready Pod behind an endpoint; the last of several counts. */
  podOf(endpoint: string): Pod | undefined;
}

export interface EndpointSources {
  readonly resources: Pick<Resources, "slices" | "pods">;
  /** Of `--endpoints`, by resource name or `namespace/name`. */
  readonly endpoints: ReadonlyMap<string, readonly string[]>;
  readonly report: Report;
}

export function createEndpointFinder(sources: EndpointSources): EndpointFinder {
  const { resources, endpoints, report } = sources;
  const slices = groupByResource(resources.slices, ({ namespace, labels }) => ({
    namespace,
    name: labels["kubernetes.io/service-name"] ?? "",
  }));
  const ready = resources.pods.filter(({ ip, isReady }) => ip !== undefined && isReady);
  const podsOf = createSelectorIndex(ready, ({ labels }) => labels);
  const podByIp = new Map(ready.map((pod) => [address(pod.ip ?? "", 0).slice(0, -1), pod]));

  /** What the user names; undefined where nothing is named. */
  function named(meta: Meta): readonly string[] | undefined {
    const flagged = flagOf(endpoints, meta);
    if (flagged !== undefined) return flagged.toSorted();
    const annotation = meta.annotations[endpointsAnnotation];
    if (annotation === undefined) return undefined;
    const parsed = parseEndpointList(annotation);
    if (parsed.ok) return parsed.endpoints;
    const message = `annotation ${endpointsAnnotation} of "${meta.name}": ${parsed.message}`;
    report("error", "UMB0206", meta.place, message);
    return [];
  }

  function podsAt(pods: readonly Pod[], service: Service, port: ServicePort): readonly string[] {
    const { targetPort = port.port } = port;
    return pods.flatMap((pod) => {
      const number = typeof targetPort === "number" ? targetPort : pod.ports.get(targetPort);
      if (number !== undefined) return address(pod.ip ?? "", number);
      const has = [...pod.ports.keys()].slice(0, 10).join(", ");
      const message = `no container of Pod "${pod.name}" has a port named "${targetPort}", the target of Service "${service.name}", so it gets no requests; its ports are ${has === "" ? "without names" : has}`;
      report("warning", "UMB0252", pod.place, message);
      return [];
    });
  }

  return {
    ofPool(pool) {
      const own = named(pool);
      if (own !== undefined) return own;
      const pods = podsOf(pool.namespace, pool.selector);
      if (pods.length === 0 || pool.targetPorts.length === 0) return undefined;
      const found = pods.flatMap(({ ip }) =>
        pool.targetPorts.map((port) => address(ip ?? "", port)),
      );
      return usable(pool, report, found.toSorted());
    },
    ofService(service, port) {
      const own = named(service);
      if (own !== undefined) return own;
      const known = slices.get(service);
      if (known !== undefined) {
        return usable(service, report, sliceEndpoints(known, service, port, report));
      }
      const pods = podsOf(service.namespace, service.selector);
      if (pods.length === 0) return undefined;
      return usable(service, report, podsAt(pods, service, port).toSorted());
    },
    podOf: (endpoint) => podByIp.get(endpoint.slice(0, endpoint.lastIndexOf(":") + 1)),
  };
}

/** Leaves out ports of this machine that are no model server's. */
function usable(meta: Meta, report: Report, found: readonly string[]): readonly string[] {
  return found.filter((endpoint) => {
    const parsed = parseEndpointList(endpoint);
    if (!parsed.ok) report("error", "UMB0206", meta.place, `"${meta.name}": ${parsed.message}`);
    return parsed.ok;
  });
}

/** Ready ones; where there is none, those that are ending and still serve, as Kubernetes does. */
function sliceEndpoints(
  slices: readonly EndpointSlice[],
  service: Service,
  port: ServicePort,
  report: Report,
): readonly string[] {
  const found = slices.flatMap((slice) => {
    if (slice.endpoints.length === 0) return [];
    const target = slice.ports.find(({ name }) => name === port.name);
    if (target !== undefined) {
      return slice.endpoints.map((each) => ({ ...each, port: target.port }));
    }
    const wanted = port.name === "" ? "without a name" : `named "${port.name}"`;
    const has = slice.ports.map(({ name, port }) => (name === "" ? port : name)).join(", ");
    const message = `EndpointSlice "${slice.name}" has no port ${wanted}, as port ${port.port} of Service "${service.name}" is, so its endpoints get no requests; it has ${has === "" ? "none" : has}`;
    report("warning", "UMB0252", slice.place, message);
    return [];
  });
  const ready = found.filter(({ isReady }) => isReady);
  const used = ready.length > 0 ? ready : found;
  return [...new Set(used.map((each) => address(each.address, each.port)))].toSorted();
}

function address(ip: string, port: number): string {
  return isIP(ip) === 6 ? `[${ip}]:${port}` : `${ip}:${port}`;
}
