import { expect, test } from "@jest/globals";
import { readTopology } from "@umbra/envoy-config";
import { evaluationConfig, judge } from "@umbra/shadow";
import { evaluationNow } from "../src/evaluation/evaluation-now.ts";
import { createLoadCount } from "../src/evaluation/load-count.ts";
import { factsOf } from "../src/evaluation/one-evaluation.ts";
import { createMirrorRegistry } from "../src/mirror/mirror-registry.ts";
import type { ServedPool } from "../src/pools/served-pool.ts";

const backend = (name: string) =>
  `{group: inference.networking.k8s.io, kind: InferencePool, name: ${name}}`;

const resources = (generation: string) => `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway}
spec: {listeners: [{name: http, port: 8080, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route}
spec:
  parentRefs: [{name: gateway}]
  rules:
    - backendRefs: [${backend("llama")}]
      filters: [{type: RequestMirror, requestMirror: {backendRef: ${backend("candidate")}}}]
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: llama, annotations: {umbra.dev/endpoints: "10.0.0.1:8000"}}
spec: {targetPorts: [{number: 8000}]}
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: candidate, annotations: {umbra.dev/endpoints: "10.0.1.1:8000"}}
spec: {targetPorts: [{number: 8000}]}
---
apiVersion: umbra.dev/v1alpha1
kind: ShadowPolicy
metadata: {name: policy${generation}}
spec: {targetRefs: [{name: route}]}
`;

const pools = new Map<string, ServedPool>();

test.each([
  { name: "of an API server", generation: ", generation: 7", want: { policy_generation: 7 } },
  { name: "of a file", generation: "", want: {} },
])("a report names the policy $name, and its generation if it has one", ({ generation, want }) => {
  const { topology } = readTopology([{ name: "a.yaml", text: resources(generation) }]);
  const [gate] = createMirrorRegistry(topology, () => 0).gates;
  if (gate === undefined) throw new Error("no mirror");
  const now = evaluationNow(
    { gate, baseline: ["default/llama"], since: undefined },
    { pools, load: createLoadCount(pools, () => 0), captured: () => 0, now: () => 0 },
  );
  const { evaluation } = judge({
    ...{ samples: [], config: evaluationConfig({}), facts: factsOf(now) },
  });
  const { policy, policy_generation: found } = evaluation;
  expect({ policy, ...(found === undefined ? {} : { policy_generation: found }) }).toEqual({
    ...{ policy: "default/policy", ...want },
  });
});
