import { compare } from "../compare.ts";
import { nearest } from "../nearest.ts";
import { byResource, groupByResource, ResourceMap } from "../resource-map.ts";
import { flagOf, type ResourceRef, resourceName } from "../resource-ref.ts";
import { credentialsAnnotation, endpointsAnnotation } from "../resources/annotations.ts";
import type { Report } from "../resources/report.ts";
import type { BackendRef, InferencePool, Resources, Service } from "../resources/resources.ts";
import type { ExternalPicker, MetricsPlaceSettings, Pool } from "../topology.ts";
import { createEndpointTlsResolver } from "./endpoint-tls.ts";
import { createEndpointFinder, type KnownPods } from "./endpoints.ts";
import { mayRefer } from "./grants.ts";
import { inferencePool } from "./inference-pool.ts";
import { createMetricsPlaces } from "./metrics-place.ts";
import type { PickModeOptions } from "./pick-mode.ts";
import { resourcesByPool } from "./picking.ts";
import type { PoolParts } from "./pool-parts.ts";
import type { PickerService } from "./pool-picker.ts";
import { servicePool } from "./service-pool.ts";

/** API groups of InferencePools: v1 and the one before. */
const poolGroups: ReadonlySet<string> = new Set([
  "inference.networking.k8s.io",
  "inference.networking.x-k8s.io",
]);

/** All that a route may depend on of a pool: where it changes, routes that refer to it are resolved again. */
export type RoutedPool = Pick<Pool, "name" | "kind" | "namespace" | "resourceName" | "picker">;

/** Resolves references to pools. Creates each pool once. */
export interface PoolResolver {
  /** Resolves a backend of a route. */
  resolve(ref: BackendRef, routeNamespace: string): RoutedPool | Unresolved;
  /** Like `resolve`, for a backend that gets no requests: its pool is not served because of it. */
  check(ref: BackendRef, routeNamespace: string): RoutedPool | Unresolved;
  /** Serves a pool that `check` has found. */
  serve(pool: RoutedPool): void;
  /** True if the pool's resource wants to keep the credentials of mirrored requests. */
  keepsCredentials(pool: RoutedPool): boolean;
  /** Every pool resolved so far, and every InferencePool; sorted by name. */
  all(): readonly Pool[];
}

/** The reason why a backend can't be resolved. */
export interface Unresolved {
  readonly kind: "unresolved";
  /** `NotServed`: the backend, or a policy about it, has an error, which has been reported. */
  readonly reason: "BackendNotFound" | "RefNotPermitted" | "InvalidKind" | "NotServed";
  readonly message: string;
}

export interface PoolResolverOptions {
  readonly resources: Resources;
  /** Endpoints by resource name or `namespace/name`. */
  readonly endpoints: ReadonlyMap<string, readonly string[]>;
  readonly pickModes: PickModeOptions["flags"];
  /** Third-party endpoint pickers, by resource name or `namespace/name`. */
  readonly pickers: ReadonlyMap<string, ExternalPicker>;
  /** Umbra's own Services; undefined: Umbra picks for every pool. */
  readonly ownPickers: readonly PickerService[] | undefined;
  /** Locations of metrics pages, by resource name or `namespace/name`. */
  readonly metricsPlaces: ReadonlyMap<string, MetricsPlaceSettings>;
  readonly knownPods: KnownPods;
  readonly report: Report;
}

export function createPoolResolver(options: PoolResolverOptions): PoolResolver {
  const { resources } = options;
  const pools = byResource(resources.pools);
  const services = byResource(resources.services);
  const store = createPoolStore(options, services);
  const check = createReferences({ pools, services, store }, resources);
  const served = new Set<string>();

  return {
    check,
    resolve(ref, routeNamespace) {
      const pool = check(ref, routeNamespace);
      if (pool.kind !== "unresolved") served.add(pool.name);
      return pool;
    },
    serve: ({ name }) => void served.add(name),
    keepsCredentials({ kind, namespace, resourceName: name }) {
      const all: ResourceMap<InferencePool | Service> = kind === "InferencePool" ? pools : services;
      return all.get({ namespace, name })?.annotations[credentialsAnnotation] === "keep";
    },
    all() {
      for (const each of resources.pools) {
        const pool = store.ofInferencePool(pools.get(each) ?? each, "");
        if (pool.kind !== "unresolved") served.add(pool.name);
      }
      return store.all().filter(({ name }) => served.has(name));
    },
  };
}

/** Returns a function that finds the pool that a backend refers to. */
function createReferences(
  {
    pools,
    services,
    store,
  }: {
    readonly pools: ResourceMap<InferencePool>;
    readonly services: ResourceMap<Service>;
    readonly store: PoolStore;
  },
  resources: Resources,
): (ref: BackendRef, routeNamespace: string) => Pool | Unresolved {
  const grouped = groupByResource(resources.pools, (pool) => pool);
  const { ofInferencePool, ofService } = store;

  function referredPool(ref: BackendRef, at: ResourceRef, shown: string): Pool | Unresolved {
    const pool = pools.get(at);
    if (!poolGroups.has(ref.group)) {
      const group = pool?.group ?? "inference.networking.k8s.io";
      const message = `InferencePool is not in the group "${ref.group.slice(0, 128)}": use \`group: ${group}\``;
      return unresolved("InvalidKind", message);
    }
    if (pool === undefined) return notFound(shown, ref.name, pools.namesIn(at.namespace));
    if (!grouped.get(at)?.some(({ group }) => group === ref.group)) {
      const message = `${shown} is in the group ${pool.group}, not ${ref.group}`;
      return unresolved("BackendNotFound", message);
    }
    return ofInferencePool(pool, shown);
  }

  function referredService(ref: BackendRef, at: ResourceRef, shown: string): Pool | Unresolved {
    const service = services.get(at);
    if (service === undefined) return notFound(shown, ref.name, services.namesIn(at.namespace));
    return ofService(service, ref.port ?? 0, shown);
  }

  return (ref, routeNamespace) => {
    const { name, namespace = routeNamespace } = ref;
    const at = { namespace, name };
    const shown = `${ref.kind} "${resourceName(at)}"`;
    const route = { kind: "HTTPRoute", namespace: routeNamespace } as const;
    if (!mayRefer(route, { ...ref, namespace }, resources.grants)) {
      const message = `no ReferenceGrant in namespace "${namespace}" allows routes in "${routeNamespace}" to refer to ${shown}`;
      return unresolved("RefNotPermitted", message);
    }
    if (ref.kind === "InferencePool") return referredPool(ref, at, shown);
    if (ref.kind === "Service" && ref.group === "") return referredService(ref, at, shown);
    const meant = perhaps(nearest(ref.kind, ["InferencePool", "Service"]));
    const message = `a backend of kind ${ref.kind.slice(0, 64)} is not supported${meant}`;
    return unresolved("InvalidKind", message);
  };
}

/** Pools by their resources. `shown` names the resource in messages. */
interface PoolStore {
  ofInferencePool(from: InferencePool, shown: string): Pool | Unresolved;
  ofService(from: Service, port: number, shown: string): Pool | Unresolved;
  /** Every pool created, sorted by name. */
  all(): readonly Pool[];
}

/** Creates and stores pools, each once. */
function createPoolStore(options: PoolResolverOptions, services: ResourceMap<Service>): PoolStore {
  const { resources, endpoints, pickers, ownPickers, report } = options;
  const parts: PoolParts = {
    finder: createEndpointFinder({ resources, endpoints, known: options.knownPods, report }),
    tls: createEndpointTlsResolver(resources, report),
    resourcesByPool: resourcesByPool(resources),
    metricsPlaces: createMetricsPlaces({ flags: options.metricsPlaces, report }),
    pickModes: { flags: options.pickModes, report },
    hasAllServices: options.knownPods === "all",
    ...{ services, pickers, ownPickers, resources, report },
  };
  const isListed = (from: Service) =>
    flagOf(endpoints, from) !== undefined || Object.hasOwn(from.annotations, endpointsAnnotation);
  const ofPools = new ResourceMap<Pool>();
  const ofServices = new ResourceMap<Map<number, Pool>>();

  return {
    ofInferencePool(from: InferencePool, shown: string): Pool | Unresolved {
      const pool = ofPools.take(from, () => inferencePool(from, parts));
      return from.isBroken || parts.tls.isRefusedForPool(from) ? notServed(shown) : pool;
    },
    ofService(from: Service, number: number, shown: string): Pool | Unresolved {
      if (from.isExternalName && !isListed(from)) {
        return unresolved("InvalidKind", externalName(shown));
      }
      const port = from.ports.find((each) => each.port === number);
      if (port === undefined) {
        const has = from.ports.map((each) => each.port).join(", ");
        const message = `Service "${from.name}" has no port ${number}; its ports: ${has === "" ? "none" : has}`;
        return unresolved("BackendNotFound", message);
      }
      const byPort = ofServices.take(from, () => new Map());
      const pool = byPort.get(number) ?? servicePool(from, port, parts);
      byPort.set(number, pool);
      return from.isBroken || parts.tls.isRefusedForService(from, port) ? notServed(shown) : pool;
    },
    all() {
      const ofPorts = ofServices.values().flatMap((byPort) => [...byPort.values()]);
      return [...ofPools.values(), ...ofPorts].toSorted((a, b) => compare(a.name, b.name));
    },
  };
}

function notServed(shown: string): Unresolved {
  return unresolved("NotServed", `${shown}, or a policy about it, has an error`);
}

function externalName(shown: string): string {
  return `${shown} is of type ExternalName, which could lead to any host: use a Service without a selector, and an EndpointSlice with its endpoints`;
}

/** The number of names to compare, in the order of the files. */
const maxCompared = 200;

function notFound(shown: string, name: string, there: readonly string[]): Unresolved {
  const message = `${shown} is not among the resources${perhaps(nearest(name, there.slice(0, maxCompared)))}`;
  return unresolved("BackendNotFound", message);
}

function perhaps(meant: string | undefined): string {
  return meant === undefined ? "" : `: did you mean ${meant}?`;
}

function unresolved(reason: Unresolved["reason"], message: string): Unresolved {
  return { kind: "unresolved", reason, message };
}
