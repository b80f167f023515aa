import { didYouMean } from "../nearest.ts";
import { readBackendTlsPolicy } from "./backend-tls.ts";
import {
  readDeployment,
  readEndpointSlice,
  readPod,
  readReferenceGrant,
  readService,
} from "./core.ts";
import { readEnvoyProxy, readParametersRef } from "./envoy-proxy.ts";
import { readEnvoySettings } from "./envoy-settings.ts";
import { readGateway, readGatewayClass } from "./gateway.ts";
import { readHttpRoute } from "./http-route.ts";
import {
  nameOfModel,
  readInferenceModel,
  readInferenceModelRewrite,
  readInferenceObjective,
  readInferencePool,
} from "./inference.ts";
import type { Breakable, Meta } from "./meta.ts";
import { readPickerDeployment } from "./picker-deployment.ts";
import type { Reader } from "./reader.ts";
import type { EndpointSlice, Gateway, Pod, Resources } from "./resources.ts";
import { readSecret } from "./secret.ts";
import { readShadowPolicy } from "./shadow-policy.ts";

/** Reads one resource and adds it to the others. Each kind of each group has its own reader. */
export type Read = (meta: Meta, spec: Reader, root: Reader, into: Resources) => void;

/** Returns the reader of a kind; undefined for kinds that Umbra does not read. */
export function readerOf(group: string, kind: string): Read | undefined {
  return readers.get(group)?.get(kind);
}

/** Every kind that Umbra reads, by API group; the group of core objects is "". */
export function kindsRead(): readonly {
  readonly group: string;
  readonly kinds: readonly string[];
}[] {
  return [...readers].map(([group, kinds]) => ({ group, kinds: [...kinds.keys()].toSorted() }));
}

/** Returns the effect of ignoring an unsupported Gateway API kind. */
export function lostWithout(group: string, kind: string): string | undefined {
  return group === gatewayApi ? unserved.get(kind) : undefined;
}

/** Suggests a kind for a misspelled kind or a missing group. */
export function meantKind(group: string, kind: string): string | undefined {
  const { remedy } = didYouMean(kind, [...(readers.get(group)?.keys() ?? [])], "`");
  if (remedy !== undefined || group !== "") return remedy;
  const [other] = [...readers].find(([, kinds]) => kinds.has(kind)) ?? [];
  return other === undefined
    ? undefined
    : `${kind} belongs to the group ${other}: start apiVersion with it`;
}

/** Kinds that often occur in the same files and are not about routing. */
export const quietKinds: ReadonlySet<string> = new Set(["ServiceAccount"]);

const gatewayApi = "gateway.networking.k8s.io";

/** The effect of ignoring these Gateway API kinds. */
const unserved: ReadonlyMap<string, string> = new Map([
  ["GRPCRoute", "its requests are not served"],
  ["TLSRoute", "its connections are not served"],
  ["TCPRoute", "its connections are not served"],
  ["UDPRoute", "its packets are not served"],
  ["ListenerSet", "its listeners do not exist"],
]);

/** Returns what remains of an object with an error; undefined: nothing. */
type Remains<T> = (found: T) => T | undefined;

const nothing = (): undefined => undefined;

/** The object still exists, so that others may refer to it, but it is not served. */
function broken<T extends Breakable>(found: T): T {
  return { ...found, isBroken: true };
}

/** Adds the resource to `list`, or what remains of it if it has an error. Does not report unknown fields. */
function into<K extends keyof Resources>(
  list: K,
  read: (meta: Meta, spec: Reader, root: Reader) => Resources[K][number] | undefined,
  remains: Remains<Resources[K][number]> = nothing,
): Read {
  return (meta, spec, root, resources) => {
    const { value, isBroken } = root.part(() => read(meta, spec, root));
    const kept = value !== undefined && (isBroken || meta.isBroken) ? remains(value) : value;
    if (kept !== undefined) (resources[list] as Resources[K][number][]).push(kept);
  };
}

/** Like `into`, but reports unknown fields. */
function wholeInto<K extends keyof Resources>(
  list: K,
  read: (meta: Meta, spec: Reader) => Resources[K][number] | undefined,
  remains?: Remains<Resources[K][number]>,
): Read {
  return into(list, (meta, spec) => spec.whole(() => read(meta, spec)), remains);
}

const withoutListeners: Remains<Gateway> = (gateway) => ({
  ...gateway,
  listeners: gateway.listeners.map(broken),
});

const readGatewayAndParameters: Read = (meta, spec, root, resources) => {
  const read = () => spec.whole(() => readGateway(meta, spec, root.map("status")));
  into("gateways", read, withoutListeners)(meta, spec, root, resources);
  const infrastructure = spec.map("infrastructure");
  resources.parametersRefs.push(...readParametersRef("Gateway", infrastructure, meta.namespace));
};

const readClassAndParameters: Read = (meta, spec, root, resources) => {
  into("gatewayClasses", readGatewayClass)(meta, spec, root, resources);
  resources.parametersRefs.push(...readParametersRef("GatewayClass", spec, "default"));
};

/** The Service still has an EndpointSlice, so that its endpoints are not looked for elsewhere. */
const withoutEndpoints: Remains<EndpointSlice> = (slice) => ({ ...slice, endpoints: [] });

/** A Service that selects it still has a Pod, so that its endpoints are not left to DNS. */
const withoutAddress: Remains<Pod> = (pod) => ({
  ...pod,
  ...{ ip: undefined, isReady: false, isDraining: false },
});

const readDeployments: Read = (...given) => {
  into("deployments", readDeployment)(...given);
  into("pickerDeployments", readPickerDeployment)(...given);
};

/** One reader per group: resources of different groups may have the same name. */
const inference = (): Readonly<Record<string, Read>> => ({
  InferenceObjective: wholeInto("objectives", readInferenceObjective, (found) => found),
  InferenceModelRewrite: wholeInto("rewrites", readInferenceModelRewrite),
});

const groups: Readonly<Record<string, Readonly<Record<string, Read>>>> = {
  [gatewayApi]: {
    GatewayClass: readClassAndParameters,
    Gateway: readGatewayAndParameters,
    HTTPRoute: wholeInto("routes", readHttpRoute, broken),
    ReferenceGrant: wholeInto("grants", readReferenceGrant),
    BackendTLSPolicy: wholeInto("tlsPolicies", readBackendTlsPolicy, broken),
  },
  "inference.networking.k8s.io": {
    InferencePool: wholeInto("pools", (...given) => readInferencePool(...given, "v1"), broken),
  },
  "llm-d.ai": inference(),
  "inference.networking.x-k8s.io": {
    InferencePool: wholeInto(
      "pools",
      (...given) => readInferencePool(...given, "v1alpha2"),
      broken,
    ),
    InferenceModel: wholeInto("models", readInferenceModel, nameOfModel),
    ...inference(),
  },
  "umbra.dev": {
    ShadowPolicy: wholeInto("policies", readShadowPolicy, broken),
    EnvoySettings: wholeInto("envoySettings", readEnvoySettings, broken),
  },
  "gateway.envoyproxy.io": {
    EnvoyProxy: wholeInto("envoyProxies", readEnvoyProxy, broken),
  },
  "": {
    Namespace: into("namespaces", (meta) => meta),
    Secret: into("secrets", readSecret),
    Service: into("services", readService, broken),
    Pod: into("pods", readPod, withoutAddress),
  },
  "discovery.k8s.io": { EndpointSlice: into("slices", readEndpointSlice, withoutEndpoints) },
  apps: { Deployment: readDeployments },
};

/** Readers by group and kind. */
const readers: ReadonlyMap<string, ReadonlyMap<string, Read>> = new Map(
  Object.entries(groups).map(([group, kinds]) => [group, new Map(Object.entries(kinds))]),
);
