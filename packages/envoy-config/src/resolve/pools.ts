import { isIP } from "node:net";
import { notAccepted } from "../conditions.ts";
import { parseEndpointList } from "../endpoint-list.ts";
import { nearest } from "../resources/nearest.ts";
import type { Report } from "../resources/reader.ts";
import type {
  BackendRef,
  InferenceModel,
  InferencePool,
  Meta,
  Pod,
  Resources,
  Service,
} from "../resources/resources.ts";
import type { ExternalPicker, Model, Pool } from "../topology.ts";
import { isGranted } from "./grants.ts";
import { askedPickMode, type PickModeOptions } from "./pick-mode.ts";
import { byAge, objectivesOf, pickerConfigOf, poolSpeakers, rewritesOf } from "./picking.ts";
import { pickerOf } from "./pool-picker.ts";

/** What names the model server behind an endpoint, as the reference endpoint picker has it. */
const engineLabels: ReadonlySet<string> = new Set([
  "llm-d.ai/engine-type",
  "inference.networking.k8s.io/engine-type",
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
  /** Endpoint pickers of others, by resource name or `namespace/name`. */
  readonly pickers: ReadonlyMap<string, ExternalPicker>;
  readonly report: Report;
}

export function createPoolResolver({
  resources,
  endpoints,
  pickModes,
  pickers,
  report,
}: PoolResolverOptions): PoolResolver {
  const pools = new Map(resources.pools.map((pool) => [`${pool.namespace}/${pool.name}`, pool]));
  const services = new Map(
    resources.services.map((each) => [`${each.namespace}/${each.name}`, each]),
  );
  const slices = Map.groupBy(
    resources.slices,
    ({ namespace, labels }) => `${namespace}/${labels["kubernetes.io/service-name"] ?? ""}`,
  );
  const readyPods = resources.pods.filter(({ ip, isReady }) => ip !== undefined && isReady);
  const podsByLabel = new Map<string, Pod[]>();
  for (const pod of readyPods) {
    for (const label of Object.entries(pod.labels)) {
      const key = labelKey(pod.namespace, label);
      const known = podsByLabel.get(key);
      if (known === undefined) podsByLabel.set(key, [pod]);
      else known.push(pod);
    }
  }
  const podByIp = new Map(readyPods.map((pod) => [address(pod.ip ?? "", 0).slice(0, -1), pod]));
  const about = poolSpeakers(resources);
  const made = new Map<string, Pool>();

  /** The first source that names endpoints; undefined when none does. */
  function endpointsOf(
    meta: Meta,
    selector: Readonly<Record<string, string>>,
    ports: readonly number[],
    service?: { readonly portName: string },
  ): readonly string[] | undefined {
    const flagged = endpoints.get(`${meta.namespace}/${meta.name}`) ?? endpoints.get(meta.name);
    if (flagged !== undefined) return flagged.toSorted();
    const annotation = meta.annotations["umbra.dev/endpoints"];
    if (annotation !== undefined) {
      const parsed = parseEndpointList(annotation);
      if (parsed.ok) return parsed.endpoints;
      report(
        "error",
        "UMB0206",
        meta.place,
        `annotation umbra.dev/endpoints of "${meta.name}": ${parsed.message}`,
      );
      return [];
    }
    const own = service === undefined ? undefined : slices.get(`${meta.namespace}/${meta.name}`);
    if (own !== undefined)
      return own.flatMap((slice) => sliceEndpoints(slice, service?.portName ?? "")).toSorted();
    if (ports.length === 0 || Object.keys(selector).length === 0) return undefined;
    const pods = podsOf(meta.namespace, selector);
    if (pods.length === 0) return undefined;
    return pods.flatMap(({ ip }) => ports.map((port) => address(ip ?? "", port))).toSorted();
  }

  /** Ready Pods that a selector with a label matches. */
  function podsOf(namespace: string, selector: Readonly<Record<string, string>>): readonly Pod[] {
    const candidates = Object.entries(selector).map(
      (label) => podsByLabel.get(labelKey(namespace, label)) ?? [],
    );
    const [fewest = []] = candidates.toSorted((a, b) => a.length - b.length);
    return fewest.filter(({ labels }) => matches(selector, labels));
  }

  function inferencePool(from: InferencePool): Pool {
    const name = `${from.namespace}/${from.name}`;
    const known = made.get(name);
    if (known !== undefined) return known;
    const found = endpointsOf(from, from.selector, from.targetPorts) ?? [];
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
      models,
      ...labelsOf(from, found),
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
      const pod = podByIp.get(endpoint.slice(0, endpoint.lastIndexOf(":") + 1));
      const all = { ...Object.fromEntries(own), ...pod?.labels };
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
    const ports = port.targetPort === undefined ? [number] : [port.targetPort];
    const found = endpointsOf(from, from.selector, ports, { portName: port.name });
    const pool: Pool = {
      name,
      kind: "Service",
      namespace: from.namespace,
      resourceName: from.name,
      endpoints: found ?? [],
      ...(found === undefined
        ? { dns: { hostname: `${from.name}.${from.namespace}.svc`, port: number } }
        : {}),
      picker:
        found === undefined || from.annotations["umbra.dev/picker"] === "none" ? "none" : "umbra",
      ...askedPickMode(from, [], { flags: pickModes, report }),
      failureMode: "FailOpen",
      protocol: port.protocol,
      models: [],
    };
    made.set(name, pool);
    return pool;
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
      if (ref.kind === "InferencePool") {
        const pool = pools.get(`${namespace}/${ref.name}`);
        return pool === undefined
          ? notFound(shown, namespace, ref.name, pools.keys())
          : inferencePool(pool);
      }
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

function sliceEndpoints(slice: Resources["slices"][number], portName: string): readonly string[] {
  const port = slice.ports.find((each) => each.name === portName) ?? slice.ports[0];
  return port === undefined ? [] : slice.addresses.map((ip) => address(ip, port.port));
}

function address(ip: string, port: number): string {
  return isIP(ip) === 6 ? `[${ip}]:${port}` : `${ip}:${port}`;
}

function labelKey(namespace: string, [name, value]: readonly [string, string]): string {
  return JSON.stringify([namespace, name, value]);
}

function matches(
  selector: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(selector).every(([name, value]) => labels[name] === value);
}

/** By code units: the same on every machine. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
