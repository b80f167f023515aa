import { nearest } from "../nearest.ts";
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
  type PoolVersion,
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

/** Reads one resource into the others. */
export type Read = (meta: Meta, spec: Reader, root: Reader, into: Resources) => void;

/** How a kind is read; undefined for one that Umbra does not read. */
export function readerOf(group: string, kind: string): Read | undefined {
  return readers.get(group)?.get(kind);
}

/** What of the Gateway API is not served, and what is missing because of it. */
export function lostWithout(group: string, kind: string): string | undefined {
  return group === gatewayApi ? unserved.get(kind) : undefined;
}

/** A slip in the kind, or the group left out. */
export function meantKind(group: string, kind: string): string | undefined {
  const near = nearest(kind, [...(readers.get(group)?.keys() ?? [])]);
  if (near !== undefined) return `did you mean \`${near}\`?`;
  if (group !== "") return undefined;
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

const readPool =
  (version: PoolVersion): Read =>
  (meta, spec, _root, into) =>
    into.pools.push(readInferencePool(meta, spec, version));

const readRewrite: Read = (meta, spec, _root, into) => {
  const rewrite = readInferenceModelRewrite(meta, spec);
  if (rewrite !== undefined) into.rewrites.push(rewrite);
};

const readObjective: Read = (meta, spec, _root, into) => {
  const objective = readInferenceObjective(meta, spec);
  if (objective !== undefined) into.objectives.push(objective);
};

const inference: readonly (readonly [string, Read])[] = [
  ["InferenceObjective", readObjective],
  ["InferenceModelRewrite", readRewrite],
];

/** By group and kind. */
const readers: ReadonlyMap<string, ReadonlyMap<string, Read>> = new Map([
  [
    gatewayApi,
    new Map<string, Read>([
      [
        "Gateway",
        (meta, spec, _root, into) => {
          into.gateways.push(readGateway(meta, spec));
          const infrastructure = spec.map("infrastructure");
          into.parametersRefs.push(...readParametersRef("Gateway", infrastructure, meta.namespace));
        },
      ],
      ["HTTPRoute", (meta, spec, _root, into) => into.routes.push(readHttpRoute(meta, spec))],
      [
        "ReferenceGrant",
        (meta, spec, _root, into) => into.grants.push(readReferenceGrant(meta, spec)),
      ],
      [
        "BackendTLSPolicy",
        (meta, spec, _root, into) => {
          const policy = readBackendTlsPolicy(meta, spec);
          if (policy !== undefined) into.tlsPolicies.push(policy);
        },
      ],
    ]),
  ],
  ["inference.networking.k8s.io", new Map([["InferencePool", readPool("v1")]])],
  ["llm-d.ai", new Map(inference)],
  [
    "inference.networking.x-k8s.io",
    new Map<string, Read>([
      ["InferencePool", readPool("v1alpha2")],
      [
        "InferenceModel",
        (meta, spec, _root, into) => {
          const model = readInferenceModel(meta, spec);
          if (model !== undefined) into.models.push(model);
        },
      ],
      ...inference,
    ]),
  ],
  [
    "umbra.dev",
    new Map<string, Read>([
      [
        "ShadowPolicy",
        (meta, spec, _root, into) => into.policies.push(readShadowPolicy(meta, spec)),
      ],
      [
        "EnvoySettings",
        (meta, spec, _root, into) => into.envoySettings.push(readEnvoySettings(meta, spec)),
      ],
    ]),
  ],
  [
    "gateway.envoyproxy.io",
    new Map<string, Read>([
      [
        "EnvoyProxy",
        (meta, spec, _root, into) => into.envoyProxies.push(readEnvoyProxy(meta, spec)),
      ],
    ]),
  ],
  [
    "",
    new Map<string, Read>([
      ["Namespace", (meta, _spec, _root, into) => into.namespaces.push(meta)],
      ["Secret", (meta, _spec, root, into) => into.secrets.push(readSecret(meta, root))],
      ["Service", (meta, spec, _root, into) => into.services.push(readService(meta, spec))],
      [
        "Pod",
        (meta, spec, root, into) => into.pods.push(readPod(meta, root, spec, root.map("status"))),
      ],
    ]),
  ],
  [
    "discovery.k8s.io",
    new Map<string, Read>([
      [
        "EndpointSlice",
        (meta, _spec, root, into) => into.slices.push(readEndpointSlice(meta, root)),
      ],
    ]),
  ],
  [
    "apps",
    new Map<string, Read>([
      [
        "Deployment",
        (meta, spec, _root, into) => {
          const deployment = readDeployment(meta, spec);
          if (deployment !== undefined) into.deployments.push(deployment);
          const picker = readPickerDeployment(meta, spec);
          if (picker !== undefined) into.pickerDeployments.push(picker);
        },
      ],
    ]),
  ],
]);
