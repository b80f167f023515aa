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
import { readGateway } from "./gateway.ts";
import { readHttpRoute } from "./http-route.ts";
import {
  readInferenceModel,
  readInferenceModelRewrite,
  readInferenceObjective,
  readInferencePool,
} from "./inference.ts";
import type { Meta } from "./meta.ts";
import { readPickerDeployment } from "./picker-deployment.ts";
import type { Reader } from "./reader.ts";
import type { Resources } from "./resources.ts";
import { readSecret } from "./secret.ts";
import { readShadowPolicy } from "./shadow-policy.ts";

/** Reads one resource into the others. Each kind of each group has its own. */
export type Read = (meta: Meta, spec: Reader, root: Reader, into: Resources) => void;

/** How a kind is read; undefined for one that Umbra does not read. */
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

/** What of the Gateway API is not served, and what is missing because of it. */
export function lostWithout(group: string, kind: string): string | undefined {
  return group === gatewayApi ? unserved.get(kind) : undefined;
}

/** A slip in the kind, or the group left out. */
export function meantKind(group: string, kind: string): string | undefined {
  const { remedy } = didYouMean(kind, [...(readers.get(group)?.keys() ?? [])], "`");
  if (remedy !== undefined || group !== "") return remedy;
  const [other] = [...readers].find(([, kinds]) => kinds.has(kind)) ?? [];
  return other === undefined
    ? undefined
    : `${kind} is of the group ${other}: begin apiVersion with it`;
}

/** Kinds that stand in the same files and say nothing about routing. */
export const quietKinds: ReadonlySet<string> = new Set(["ServiceAccount", "GatewayClass"]);

const gatewayApi = "gateway.networking.k8s.io";

/** What is missing where these are left out, of the Gateway API. */
const unserved: ReadonlyMap<string, string> = new Map([
  ["GRPCRoute", "its requests are not served"],
  ["TLSRoute", "its connections are not served"],
  ["TCPRoute", "its connections are not served"],
  ["UDPRoute", "its packets are not served"],
  ["ListenerSet", "its listeners are not there"],
]);

/** Files what is read of a resource under `list`; fields that nothing asks for are left alone. */
function into<K extends keyof Resources>(
  list: K,
  read: (meta: Meta, spec: Reader, root: Reader) => Resources[K][number] | undefined,
): Read {
  return (meta, spec, root, resources) => {
    const found = read(meta, spec, root);
    if (found !== undefined) (resources[list] as Resources[K][number][]).push(found);
  };
}

/** The same, where a field that nothing asks for is warned of. */
function wholeInto<K extends keyof Resources>(
  list: K,
  read: (meta: Meta, spec: Reader) => Resources[K][number] | undefined,
): Read {
  return into(list, (meta, spec) => spec.whole(() => read(meta, spec)));
}

const readGatewayAndParameters: Read = (meta, spec, root, resources) => {
  wholeInto("gateways", readGateway)(meta, spec, root, resources);
  const infrastructure = spec.map("infrastructure");
  resources.parametersRefs.push(...readParametersRef("Gateway", infrastructure, meta.namespace));
};

const readDeployments: Read = (...given) => {
  into("deployments", readDeployment)(...given);
  into("pickerDeployments", readPickerDeployment)(...given);
};

/** Of each group that has them: a resource of one group may have the name of another's. */
const inference = (): Readonly<Record<string, Read>> => ({
  InferenceObjective: wholeInto("objectives", readInferenceObjective),
  InferenceModelRewrite: wholeInto("rewrites", readInferenceModelRewrite),
});

const groups: Readonly<Record<string, Readonly<Record<string, Read>>>> = {
  [gatewayApi]: {
    Gateway: readGatewayAndParameters,
    HTTPRoute: wholeInto("routes", readHttpRoute),
    ReferenceGrant: wholeInto("grants", readReferenceGrant),
    BackendTLSPolicy: wholeInto("tlsPolicies", readBackendTlsPolicy),
  },
  "inference.networking.k8s.io": {
    InferencePool: wholeInto("pools", (...given) => readInferencePool(...given, "v1")),
  },
  "llm-d.ai": inference(),
  "inference.networking.x-k8s.io": {
    InferencePool: wholeInto("pools", (...given) => readInferencePool(...given, "v1alpha2")),
    InferenceModel: wholeInto("models", readInferenceModel),
    ...inference(),
  },
  "umbra.dev": {
    ShadowPolicy: wholeInto("policies", readShadowPolicy),
    EnvoySettings: wholeInto("envoySettings", readEnvoySettings),
  },
  "gateway.envoyproxy.io": { EnvoyProxy: wholeInto("envoyProxies", readEnvoyProxy) },
  "": {
    Namespace: into("namespaces", (meta) => meta),
    Secret: into("secrets", readSecret),
    Service: into("services", readService),
    Pod: into("pods", readPod),
  },
  "discovery.k8s.io": { EndpointSlice: into("slices", readEndpointSlice) },
  apps: { Deployment: readDeployments },
};

/** By group and kind. */
const readers: ReadonlyMap<string, ReadonlyMap<string, Read>> = new Map(
  Object.entries(groups).map(([group, kinds]) => [group, new Map(Object.entries(kinds))]),
);
