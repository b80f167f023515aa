import { compare } from "../compare.ts";
import { nearest } from "../nearest.ts";
import { byResource, groupByResource, ResourceMap } from "../resource-map.ts";
import { type ResourceRef, resourceName } from "../resource-ref.ts";
import { credentialsAnnotation } from "../resources/annotations.ts";
import type { Report } from "../resources/report.ts";
import type { BackendRef, InferencePool, Resources, Service } from "../resources/resources.ts";
import type { ExternalPicker, MetricsPlaceSettings, Pool } from "../topology.ts";
import { createEndpointTlsResolver } from "./endpoint-tls.ts";
import { createEndpointFinder } from "./endpoints.ts";
import { mayRefer } from "./grants.ts";
import { inferencePool } from "./inference-pool.ts";
import { createMetricsPlaces } from "./metrics-place.ts";
import type { PickModeOptions } from "./pick-mode.ts";
import { poolSpeakers } from "./picking.ts";
import type { PoolParts } from "./pool-parts.ts";
import { servicePool } from "./service-pool.ts";

/** Of InferencePools: v1, and before it. */
const poolGroups: ReadonlySet<string> = new Set([
  "inference.networking.k8s.io",
  "inference.networking.x-k8s.io",
]);

/** `keep` on a mirror's target; `remove`, the default, takes them from the copies. */

/** Turns references into pools. A pool is made once, however many routes refer to it. */
export interface PoolResolver {
  /** Resolves a backend as seen from a route. */
  resolve(ref: BackendRef, routeNamespace: string): Pool | Unresolved;
  /** Whether the pool's resource asks for the credentials of mirrored requests. */
  keepsCredentials(pool: Pool): boolean;
  /** Every pool resolved so far, and every InferencePool; sorted by name. */
  all(): readonly Pool[];
}

/** Why a backend can't be resolved. */
export interface Unresolved {
  readonly kind: "unresolved";
  readonly reason: "BackendNotFound" | "RefNotPermitted" | "InvalidKind";
  readonly message: string;
}

export interface PoolResolverOptions {
  readonly resources: Resources;
  /** Endpoints by resource name or `namespace/name`. */
  readonly endpoints: ReadonlyMap<string, readonly string[]>;
  readonly pickModes: PickModeOptions["flags"];
  /** Third-party endpoint pickers, by resource name or `namespace/name`. */
  readonly pickers: ReadonlyMap<string, ExternalPicker>;
  /** Where metrics pages are, by resource name or `namespace/name`. */
  readonly metricsPlaces: ReadonlyMap<string, MetricsPlaceSettings>;
  readonly report: Report;
}

export function createPoolResolver(options: PoolResolverOptions): PoolResolver {
  const { resources } = options;
  const pools = byResource(resources.pools);
  const services = byResource(resources.services);
  const grouped = groupByResource(resources.pools, (pool) => pool);
  const { ofInferencePool, ofService, made } = createPoolStore(options, services);

  function referredPool(ref: BackendRef, at: ResourceRef, shown: string): Pool | Unresolved {
    const pool = pools.get(at);
    if (!poolGroups.has(ref.group)) {
      const group = pool?.group ?? "inference.networking.k8s.io";
      const message = `InferencePool is not of the group "${ref.group.slice(0, 128)}": write \`group: ${group}\``;
      return unresolved("InvalidKind", message);
    }
    if (pool === undefined) return notFound(shown, ref.name, pools.namesIn(at.namespace));
    if (!grouped.get(at)?.some(({ group }) => group === ref.group)) {
      const message = `${shown} is of the group ${pool.group}, not ${ref.group}`;
      return unresolved("BackendNotFound", message);
    }
    return ofInferencePool(pool);
  }

  function referredService(ref: BackendRef, at: ResourceRef, shown: string): Pool | Unresolved {
    const service = services.get(at);
    return service === undefined
      ? notFound(shown, ref.name, services.namesIn(at.namespace))
      : ofService(service, ref.port ?? 0);
  }

  return {
    resolve(ref, routeNamespace) {
      const { name, namespace = routeNamespace } = ref;
      const at = { namespace, name };
      const shown = `${ref.kind} "${resourceName(at)}"`;
      const route = { kind: "HTTPRoute", namespace: routeNamespace } as const;
      if (!mayRefer(route, { ...ref, namespace }, resources.grants)) {
        const message = `no ReferenceGrant in namespace "${namespace}" lets routes of "${routeNamespace}" refer to ${shown}`;
        return unresolved("RefNotPermitted", message);
      }
      if (ref.kind === "InferencePool") return referredPool(ref, at, shown);
      if (ref.kind === "Service" && ref.group === "") return referredService(ref, at, shown);
      const meant = perhaps(nearest(ref.kind, ["InferencePool", "Service"]));
      const message = `a backend of kind ${ref.kind.slice(0, 64)} is not supported${meant}`;
      return unresolved("InvalidKind", message);
    },
    keepsCredentials({ kind, namespace, resourceName: name }) {
      const all: ResourceMap<InferencePool | Service> = kind === "InferencePool" ? pools : services;
      return all.get({ namespace, name })?.annotations[credentialsAnnotation] === "keep";
    },
    all() {
      for (const pool of resources.pools) ofInferencePool(pools.get(pool) ?? pool);
      return [...made].toSorted((a, b) => compare(a.name, b.name));
    },
  };
}

/** Makes each pool once. */
function createPoolStore(options: PoolResolverOptions, services: ResourceMap<Service>) {
  const { resources, endpoints, pickers, report } = options;
  const parts: PoolParts = {
    finder: createEndpointFinder({ resources, endpoints, report }),
    tls: createEndpointTlsResolver(resources, report),
    speakers: poolSpeakers(resources),
    metricsPlaces: createMetricsPlaces({ flags: options.metricsPlaces, report }),
    pickModes: { flags: options.pickModes, report },
    ...{ services, pickers, resources, report },
  };
  const made: Pool[] = [];
  const ofPools = new ResourceMap<Pool>();
  const ofServices = new ResourceMap<Map<number, Pool>>();

  function kept(pool: Pool): Pool {
    made.push(pool);
    return pool;
  }

  return {
    made,
    ofInferencePool: (from: InferencePool): Pool =>
      ofPools.take(from, () => kept(inferencePool(from, parts))),
    ofService(from: Service, number: number): Pool | Unresolved {
      const port = from.ports.find((each) => each.port === number);
      if (port === undefined) {
        const has = from.ports.map((each) => each.port).join(", ");
        const message = `Service "${from.name}" has no port ${number}; it has ${has === "" ? "none" : has}`;
        return unresolved("BackendNotFound", message);
      }
      const byPort = ofServices.take(from, () => new Map());
      const pool = byPort.get(number) ?? kept(servicePool(from, port, parts));
      byPort.set(number, pool);
      return pool;
    },
  };
}

/** As many names are compared, in the order of the files. */
const maxCompared = 200;

function notFound(shown: string, name: string, there: readonly string[]): Unresolved {
  const message = `${shown} is not in the resources${perhaps(nearest(name, there.slice(0, maxCompared)))}`;
  return unresolved("BackendNotFound", message);
}

function perhaps(meant: string | undefined): string {
  return meant === undefined ? "" : `: did you mean ${meant}?`;
}

function unresolved(reason: Unresolved["reason"], message: string): Unresolved {
  return { kind: "unresolved", reason, message };
}
