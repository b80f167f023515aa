import { notAccepted } from "../conditions.ts";
import { nearest } from "../nearest.ts";
import type { Report } from "../resources/reader.ts";
import type {
  BackendRef,
  InferenceModel,
  InferencePool,
  Meta,
  Resources,
  Service,
  ServicePort,
} from "../resources/resources.ts";
import type { ExternalPicker, MetricsPlaceSettings, Model, Pool } from "../topology.ts";
import { createEndpointTlsResolver } from "./endpoint-tls.ts";
import { createEndpointFinder } from "./endpoints.ts";
import { isGranted } from "./grants.ts";
import { createMetricsPlaces } from "./metrics-place.ts";
import { askedPickMode, type PickModeOptions } from "./pick-mode.ts";
import { byAge, objectivesOf, pickerConfigOf, poolSpeakers, rewritesOf } from "./picking.ts";
import { pickerOf } from "./pool-picker.ts";

/** What names the model server behind an endpoint, as the reference endpoint picker has it. */
const engineLabels: ReadonlySet<string> = new Set([
  "llm-d.ai/engine-type",
  "inference.networking.k8s.io/engine-type",
]);

/** Of InferencePools: v1, and before it. */
const poolGroups: ReadonlySet<string> = new Set([
  "inference.networking.k8s.io",
  "inference.networking.x-k8s.io",
]);

/** `keep` on a mirror's target; `remove`, the default, takes them from the copies. */
const credentialsAnnotation = "umbra.dev/mirror-credentials";

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

export function createPoolResolver({
  resources,
  endpoints,
  pickModes,
  pickers,
  metricsPlaces,
  report,
}: PoolResolverOptions): PoolResolver {
  const pools = new Map(resources.pools.map((pool) => [`${pool.namespace}/${pool.name}`, pool]));
  const groupsByPool = new Map<string, Set<string>>();
  for (const { namespace, name, group } of resources.pools) {
    const key = `${namespace}/${name}`;
    groupsByPool.set(key, (groupsByPool.get(key) ?? new Set()).add(group));
  }
  const services = new Map(
    resources.services.map((each) => [`${each.namespace}/${each.name}`, each]),
  );
  const finder = createEndpointFinder({ resources, endpoints, report });
  const tls = createEndpointTlsResolver(resources, report);
  const about = poolSpeakers(resources);
  const made = new Map<string, Pool>();
  const places = createMetricsPlaces({ flags: metricsPlaces, report });

  function inferencePool(from: InferencePool): Pool {
    const name = `${from.namespace}/${from.name}`;
    const known = made.get(name);
    if (known !== undefined) return known;
    const found = finder.ofPool(from) ?? [];
    if (found.length === 0) {
      report(
        "warning",
        "UMB0205",
        from.place,
        `InferencePool "${from.name}" has no known endpoint, so requests get 503: name them with --endpoints ${from.name}=ip:port or with the annotation umbra.dev/endpoints`,
      );
    }
    const models = modelsOf(from);
    const pool: Pool = {
      name,
      kind: "InferencePool",
      namespace: from.namespace,
      resourceName: from.name,
      endpoints: found,
      ...pickerOf(from, { services, pickers, report }),
      ...askedPickMode(from, models, { flags: pickModes, report }),
      failureMode: from.failureMode,
      protocol: from.protocol,
      ...tls.ofPool(from),
      models,
      ...labelsOf(from, found),
      ...places.of(from, found, finder.podOf),
      ...rewritesOf(from, about),
      ...objectivesOf(from, about),
      ...pickerConfigOf(from, resources),
    };
    made.set(name, pool);
    return pool;
  }

  /** By address; endpoints of more than one Pod have the labels of the last. */
  function labelsOf(
    { labels, annotations }: Meta,
    found: readonly string[],
  ): Pick<Pool, "endpointLabels"> {
    const own = Object.entries({ ...labels, ...annotations }).filter(([name]) =>
      engineLabels.has(name),
    );
    const made = found.flatMap((endpoint) => {
      const all = { ...Object.fromEntries(own), ...finder.podOf(endpoint)?.labels };
      return Object.keys(all).length === 0 ? [] : [[endpoint, all] as const];
    });
    return made.length === 0 ? {} : { endpointLabels: Object.fromEntries(made) };
  }

  function modelsOf({ namespace, name }: InferencePool): readonly Model[] {
    const first = new Map<string, InferenceModel>();
    for (const model of (about.models.get(`${namespace}/${name}`) ?? []).toSorted(byAge)) {
      const { modelName } = model;
      const known = first.get(modelName);
      if (known === undefined) {
        first.set(modelName, model);
        continue;
      }
      const message = `InferenceModel "${model.name}" is left out: "${known.name}" names the model "${modelName}" of the same pool, and goes first`;
      const condition = notAccepted({ ...model, kind: "InferenceModel" }, "ModelNameInUse");
      report("warning", "UMB0231", model.place, message, { condition });
    }
    return [...first.values()]
      .map(({ modelName, criticality }) => ({ name: modelName, criticality }))
      .toSorted((a, b) => compare(a.name, b.name));
  }

  function servicePool(from: Service, number: number): Pool | Unresolved {
    const port = from.ports.find((each) => each.port === number);
    if (port === undefined) {
      const has = from.ports.map((each) => each.port).join(", ");
      const message = `Service "${from.name}" has no port ${number}; it has ${has === "" ? "none" : has}`;
      return unresolved("BackendNotFound", message);
    }
    const name = `service:${from.namespace}/${from.name}:${number}`;
    const known = made.get(name);
    if (known !== undefined) return known;
    const found = finder.ofService(from, port);
    const pool: Pool = {
      name,
      kind: "Service",
      namespace: from.namespace,
      resourceName: from.name,
      endpoints: found ?? [],
      ...(found === undefined ? { dns: dnsOf(from, port, report) } : {}),
      picker:
        found === undefined || from.annotations["umbra.dev/picker"] === "none" ? "none" : "umbra",
      ...askedPickMode(from, [], { flags: pickModes, report }),
      failureMode: "FailOpen",
      protocol: port.protocol,
      ...tls.ofService(from, port),
      models: [],
      ...places.of(from, found ?? [], finder.podOf),
    };
    made.set(name, pool);
    return pool;
  }

  function referredPool(ref: BackendRef, namespace: string, shown: string): Pool | Unresolved {
    const key = `${namespace}/${ref.name}`;
    const pool = pools.get(key);
    if (!poolGroups.has(ref.group)) {
      const group = pool?.group ?? "inference.networking.k8s.io";
      const message = `InferencePool is not of the group "${ref.group.slice(0, 128)}": write \`group: ${group}\``;
      return unresolved("InvalidKind", message);
    }
    if (pool === undefined) return notFound(shown, namespace, ref.name, pools.keys());
    if (!groupsByPool.get(key)?.has(ref.group)) {
      const message = `${shown} is of the group ${pool.group}, not ${ref.group}`;
      return unresolved("BackendNotFound", message);
    }
    return inferencePool(pool);
  }

  return {
    resolve(ref, routeNamespace) {
      const namespace = ref.namespace ?? routeNamespace;
      const shown = `${ref.kind} "${namespace}/${ref.name}"`;
      const reference = {
        from: {
          group: "gateway.networking.k8s.io",
          kind: "HTTPRoute",
          namespace: routeNamespace,
        },
        to: { group: ref.group, kind: ref.kind, namespace, name: ref.name },
      };
      if (namespace !== routeNamespace && !isGranted(resources.grants, reference)) {
        return unresolved(
          "RefNotPermitted",
          `no ReferenceGrant in namespace "${namespace}" lets routes of "${routeNamespace}" refer to ${shown}`,
        );
      }
      if (ref.kind === "InferencePool") return referredPool(ref, namespace, shown);
      if (ref.kind !== "Service" || ref.group !== "")
        return unresolved(
          "InvalidKind",
          `a backend of kind ${ref.kind.slice(0, 64)} is not supported${perhaps(nearest(ref.kind, ["InferencePool", "Service"]))}`,
        );
      const service = services.get(`${namespace}/${ref.name}`);
      if (service === undefined) return notFound(shown, namespace, ref.name, services.keys());
      return servicePool(service, ref.port ?? 0);
    },
    keepsCredentials({ kind, namespace, resourceName }) {
      const from = (kind === "InferencePool" ? pools : services).get(
        `${namespace}/${resourceName}`,
      );
      return from?.annotations[credentialsAnnotation] === "keep";
    },
    all() {
      for (const pool of pools.values()) inferencePool(pool);
      return [...made.values()].toSorted((a, b) => compare(a.name, b.name));
    },
  };
}

/** As many names are compared, in the order of the files. */
const maxCompared = 200;

function notFound(
  shown: string,
  namespace: string,
  name: string,
  there: Iterable<string>,
): Unresolved {
  const own = [...there]
    .filter((each) => each.startsWith(`${namespace}/`))
    .slice(0, maxCompared)
    .map((each) => each.slice(namespace.length + 1));
  const message = `${shown} is not in the resources${perhaps(nearest(name, own))}`;
  return unresolved("BackendNotFound", message);
}

function perhaps(meant: string | undefined): string {
  return meant === undefined ? "" : `: did you mean ${meant}?`;
}

function unresolved(reason: Unresolved["reason"], message: string): Unresolved {
  return { kind: "unresolved", reason, message };
}

/** A headless Service has no port of its own: its name stands for the Pods, which listen at their own ports. */
function dnsOf(
  from: Service,
  port: ServicePort,
  report: Report,
): { hostname: string; port: number } {
  const hostname = `${from.name}.${from.namespace}.svc`;
  const { targetPort = port.port } = port;
  if (!from.isHeadless) return { hostname, port: port.port };
  if (typeof targetPort === "number") return { hostname, port: targetPort };
  const message = `the target port "${targetPort}" of the headless Service "${from.name}" is a name, and no Pod or EndpointSlice of the files says its number: port ${port.port} is asked`;
  report("warning", "UMB0252", port.place, message, {
    remedy:
      "write the number, add the ready Pods or EndpointSlices, or name the endpoints with --endpoints",
  });
  return { hostname, port: port.port };
}

/** By code units: the same on every machine. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
