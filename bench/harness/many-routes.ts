export const gateway = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway}
spec: {gatewayClassName: umbra, listeners: [{name: http, port: 8080, protocol: HTTP}]}
`;

/** Two rules, of which one mirrors. */
export function route(index: number, host: string, pool: string): string {
  const ref = (name: string) =>
    `{group: inference.networking.k8s.io, kind: InferencePool, name: ${name}}`;
  return `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route-${index}}
spec:
  parentRefs: [{name: gateway}]
  hostnames: [${host}]
  rules:
    - matches: [{path: {type: PathPrefix, value: /team-${index}/v1/chat}}]
      backendRefs: [${ref(pool)}]
      filters:
        - {type: RequestMirror, requestMirror: {percent: 10, backendRef: ${ref(`shadow-${pool}`)}}}
    - matches: [{path: {type: Exact, value: /team-${index}/v1/models}}]
      backendRefs: [${ref(pool)}]
`;
}

/** A pool and its shadow. */
export function pool(index: number): string {
  return [`pool-${index}`, `shadow-pool-${index}`]
    .map(
      (name, side) => `---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: ${name}, annotations: {umbra.dev/endpoints: "10.${side}.${index >> 8}.${index & 255}:8000"}}
spec: {selector: {matchLabels: {app: ${name}}}, targetPorts: [{number: 8000}], endpointPickerRef: {name: umbra, port: {number: 9002}}}
`,
    )
    .join("");
}
