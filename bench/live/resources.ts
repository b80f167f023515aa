import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** How many routes share a pool. */
const routesPerPool = 10;

export interface FolderOptions {
  /** Where it is made. */
  readonly parent: string;
  /** Of the Gateway's listener. */
  readonly port: number;
  readonly routes: number;
  /** All endpoints; each pool gets its part. */
  readonly endpoints: readonly string[];
}

/** A folder of resources with one file for each: a Gateway, routes with a host each, and a pool for each ten of them. */
export interface ResourceFolder {
  readonly path: string;
  /** Rewrites the file of a route: its answers get this value in the header `x-generation`. */
  changeRoute(index: number, generation: number): void;
  /** Rewrites the file of a pool. */
  changePool(index: number, endpoints: readonly string[]): void;
}

export function createResourceFolder(options: FolderOptions): ResourceFolder {
  const { parent, port, routes, endpoints } = options;
  const [path, drafts] = [join(parent, "resources"), join(parent, "drafts")];
  mkdirSync(path);
  mkdirSync(drafts);
  // Whole files only: as an editor, or a ConfigMap, replaces one.
  const write = (name: string, text: string) => {
    const draft = join(drafts, name);
    writeFileSync(draft, text);
    renameSync(draft, join(path, name));
  };
  const folder: ResourceFolder = {
    path,
    changeRoute: (index, generation) => write(`route-${index}.yaml`, route(index, generation)),
    changePool: (index, own) => write(`pool-${index}.yaml`, pool(index, own)),
  };
  const pools = Math.ceil(routes / routesPerPool);
  const perPool = Math.max(1, Math.floor(endpoints.length / pools));
  write("gateway.yaml", gateway(port));
  for (let i = 0; i < pools; i++) {
    const own = Array.from({ length: perPool }, (_, k) => {
      const at = (i * perPool + k) % endpoints.length;
      return endpoints[at] as string;
    });
    folder.changePool(i, own);
  }
  for (let i = 0; i < routes; i++) folder.changeRoute(i, 0);
  return folder;
}

/** The host that a route answers to. */
export function hostOf(route: number): string {
  return `host-${route}.example.com`;
}

/** Name of the pool of a route, as the sidecar knows it. */
export function poolOf(route: number): string {
  return `default/pool-${Math.floor(route / routesPerPool)}`;
}

function gateway(port: number): string {
  return `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway}
spec: {gatewayClassName: umbra, listeners: [{name: http, port: ${port}, protocol: HTTP}]}
`;
}

function route(index: number, generation: number): string {
  return `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route-${index}}
spec:
  parentRefs: [{name: gateway}]
  hostnames: [${hostOf(index)}]
  rules:
    - matches: [{path: {type: PathPrefix, value: /v1}}]
      filters:
        - type: ResponseHeaderModifier
          responseHeaderModifier: {set: [{name: x-generation, value: "${generation}"}]}
      backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: pool-${Math.floor(index / routesPerPool)}}]
`;
}

function pool(index: number, endpoints: readonly string[]): string {
  return `apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: pool-${index}, annotations: {umbra.dev/endpoints: "${endpoints.join(",")}"}}
spec:
  targetPorts: [{number: 8000}]
  selector: {matchLabels: {app: pool-${index}}}
  endpointPickerRef: {name: umbra, failureMode: FailOpen, port: {number: 9002}}
`;
}
