import { expect, test } from "@jest/globals";
import { readTopology, routesOf } from "@umbra/envoy-config";
import { defaultEnvoySettings } from "@umbra/envoy-config/internal";

const resources = (timeouts: string, targets: string) => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: chat}
spec:
  parentRefs: [{name: gw}]
  rules:
    - backendRefs: [{kind: InferencePool, group: inference.networking.k8s.io, name: p}]
      ${timeouts}
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: p, annotations: {umbra.dev/endpoints: "10.0.0.1:1"}}
spec: {targetPorts: [{number: 1}], selector: {matchLabels: {a: b}}}
---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModelRewrite
metadata: {name: w}
spec: {poolRef: {name: p}, rules: [{targets: ${targets}}]}
`;

function read(timeouts = "", targets = "[{modelRewrite: x}]") {
  return readTopology([{ name: "r.yaml", text: resources(timeouts, targets) }]);
}

test.each([
  { name: "no timeouts", timeouts: "", want: {} },
  { name: "timeouts of 0", timeouts: "timeouts: {request: 0s, backendRequest: 0s}", want: {} },
  {
    name: "both",
    timeouts: "timeouts: {request: 2s, backendRequest: 1s}",
    want: { timeoutMs: 2_000, backendTimeoutMs: 1_000 },
  },
  {
    name: "a limit for an attempt, none for the request",
    timeouts: "timeouts: {request: 0s, backendRequest: 1s}",
    want: { backendTimeoutMs: 1_000 },
  },
])("a limit is a number or absent: $name", ({ timeouts, want }) => {
  const { topology, diagnostics } = read(timeouts);
  expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
  const limits = routesOf(topology).map(({ timeoutMs, backendTimeoutMs }) =>
    JSON.parse(JSON.stringify({ timeoutMs, backendTimeoutMs })),
  );
  expect(limits).toEqual([want]);
});

test.each([
  { targets: "[{modelRewrite: a}, {modelRewrite: b}]", weights: [1, 1] },
  { targets: "[{modelRewrite: a, weight: 3}, {modelRewrite: b}]", weights: [3, 0] },
])("targets $targets have the weights $weights", ({ targets, weights }) => {
  const { topology } = read("", targets);
  const [rewrite] = topology.pools.flatMap(({ rewrites }) => rewrites);
  expect(rewrite?.targets.map(({ weight }) => weight)).toEqual(weights);
});

test("targets with a total weight of 0 are an error", () => {
  const { diagnostics } = read("", "[{modelRewrite: a, weight: 0}, {modelRewrite: b}]");
  expect(diagnostics.map(({ message }) => message)).toContain(
    "`targets` must have a weight above 0",
  );
});

test("all of Envoy's settings have a default", () => {
  expect(read().topology.envoy).toEqual({ settings: defaultEnvoySettings });
});
