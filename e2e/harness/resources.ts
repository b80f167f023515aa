export interface ScenarioOptions {
  readonly primary: string;
  readonly shadow: string;
  readonly failureMode?: "FailOpen" | "FailClose";
  /** Models that InferenceModels list for the pool. */
  readonly models?: readonly string[];
  readonly percent?: number;
}

/** The reference scenario with endpoints on this machine: a pool, and a mirror to a plain Service. */
export function scenario({
  primary,
  shadow,
  failureMode,
  models = ["/model/llama2"],
  percent,
}: ScenarioOptions): string {
  const inferenceModels = models.map(
    (name, index) => `---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: model-${index}}
spec:
  modelName: ${name}
  criticality: Critical
  poolRef: {group: inference.networking.x-k8s.io, kind: InferencePool, name: pool}
`,
  );
  return `apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: umbra}
spec: {controllerName: umbra.dev/gateway}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway}
spec:
  gatewayClassName: umbra
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route}
spec:
  parentRefs: [{name: gateway}]
  hostnames: [example.com]
  rules:
    - matches: [{path: {type: PathPrefix, value: /}}]
      backendRefs: [{group: inference.networking.x-k8s.io, kind: InferencePool, name: pool}]
      filters:
        - type: RequestMirror
          requestMirror:
            backendRef: {kind: Service, name: shadow, port: 8000}
${percent === undefined ? "" : `            percent: ${percent}`}
---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferencePool
metadata:
  name: pool
  annotations: {umbra.dev/endpoints: "${primary}"}
spec:
  targetPortNumber: 8000
  selector: {app: pool}
  extensionRef: {name: umbra${failureMode === undefined ? "" : `, failureMode: ${failureMode}`}}
---
apiVersion: v1
kind: Service
metadata:
  name: shadow
  annotations: {umbra.dev/endpoints: "${shadow}"}
spec:
  selector: {app: shadow}
  ports: [{port: 8000, targetPort: 8000}]
${inferenceModels.join("")}`;
}

const gateway = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway}
spec: {gatewayClassName: umbra, listeners: [{name: http, port: 80, protocol: HTTP}]}
`;

export interface RouteScenario {
  /** Rules of the one route, each as YAML in braces. */
  readonly rules: readonly string[];
  /** Endpoints by pool. */
  readonly pools?: Readonly<Record<string, string>>;
  /** Other documents, each after `---`. */
  readonly more?: string;
}

/** A Gateway with one listener, one route and its pools. */
export function routeScenario({ rules, pools = {}, more = "" }: RouteScenario): string {
  const items = rules.map((rule) => `    - ${rule}\n`);
  const made = Object.entries(pools).map(([name, endpoints]) => pool(name, endpoints));
  return `${gatewayAndRoute}spec:
  parentRefs: [{name: gateway}]
  rules:
${items.join("")}${made.join("")}${more}`;
}

/** A Gateway, and pools with a route each: of the host `NAME.example`. */
export function hostScenario(pools: Readonly<Record<string, string>>): string {
  const parts = Object.entries(pools).map(
    ([name, endpoints]) => `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: ${name}}
spec:
  parentRefs: [{name: gateway}]
  hostnames: [${name}.example]
  rules: [{backendRefs: [${poolRef(name)}]}]
${pool(name, endpoints)}`,
  );
  return gateway + parts.join("");
}

/** A Gateway with one listener, and the beginning of an HTTPRoute: its spec follows. */
export const gatewayAndRoute = `${gateway}---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route}
`;

/** A pool with its endpoints. */
export function pool(name: string, endpoints: string): string {
  return `---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: "${name}", annotations: {umbra.dev/endpoints: "${endpoints}"}}
spec: {targetPorts: [{number: 8000}], selector: {matchLabels: {app: "${name}"}}, endpointPickerRef: {name: umbra, failureMode: FailOpen, port: {number: 9002}}}
`;
}

/** A pool as a backendRef. */
export function poolRef(name: string): string {
  return `{group: inference.networking.k8s.io, kind: InferencePool, name: ${name}}`;
}

/** A filter that mirrors to a pool. */
export function mirrorTo(name: string): string {
  return `{type: RequestMirror, requestMirror: {backendRef: ${poolRef(name)}}}`;
}

export interface PolicyScenario {
  /** Pools and weights that answer clients. */
  readonly backends: Readonly<Record<string, number>>;
  readonly mirrors: readonly string[];
  /** Endpoints by pool. */
  readonly pools: Readonly<Record<string, string>>;
  /** The spec of a ShadowPolicy behind its targetRefs, as YAML with two spaces before each line. */
  readonly policy: string;
}

/** One route with mirrors and a ShadowPolicy. */
export function policyScenario({ backends, mirrors, pools, policy }: PolicyScenario): string {
  const ref = (name: string) =>
    `group: inference.networking.k8s.io, kind: InferencePool, name: ${name}`;
  const backendRefs = Object.entries(backends).map(
    ([name, weight]) => `{${ref(name)}, weight: ${weight}}`,
  );
  const filters = mirrors.map(
    (name) => `
        - type: RequestMirror
          requestMirror: {backendRef: {${ref(name)}}}`,
  );
  return `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway}
spec:
  gatewayClassName: umbra
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route}
spec:
  parentRefs: [{name: gateway}]
  hostnames: [example.com]
  rules:
    - backendRefs: [${backendRefs.join(", ")}]
      filters:${filters.join("")}
---
apiVersion: umbra.dev/v1alpha1
kind: ShadowPolicy
metadata: {name: policy}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: route}]
${policy}
${Object.entries(pools)
  .map(([name, endpoints]) => pool(name, endpoints))
  .join("")}`;
}
