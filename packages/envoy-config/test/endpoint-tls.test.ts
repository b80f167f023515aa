import { describe, expect, test } from "@jest/globals";
import { readTopology } from "@umbra/envoy-config";

const served = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {listeners: [{name: http, port: 8080, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec:
  parentRefs: [{name: gw}]
  rules:
    - backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: llama}]
    - matches: [{path: {value: /models}}]
      backendRefs: [{name: models, port: 443}]
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: llama, annotations: {umbra.dev/endpoints: "10.0.0.1:8000"}}
spec: {selector: {matchLabels: {app: llama}}, targetPorts: [{number: 8000}]}
`;

const service = (appProtocol = "") => `---
apiVersion: v1
kind: Service
metadata: {name: models, annotations: {umbra.dev/endpoints: "10.0.0.2:8443"}}
spec: {ports: [{port: 443${appProtocol}}]}
`;

const policy = (kind: string, name: string, namespace = "default") => `---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: tls, namespace: ${namespace}}
spec:
  targetRefs: [{group: "${kind === "Service" ? "" : "inference.networking.k8s.io"}", kind: ${kind}, name: ${name}}]
  validation: {hostname: llama.example.com, wellKnownCACertificates: System}
`;

function read(...parts: readonly string[]) {
  return readTopology([{ name: "x", text: [served, ...parts].join("") }]);
}

function found(code: string, ...parts: readonly string[]) {
  return read(...parts).diagnostics.filter((each) => each.code === code);
}

describe("a BackendTLSPolicy with a missing target is a warning with a suggestion", () => {
  test.each([
    ["InferencePool", "lama", "default", 'did you mean "llama"?'],
    ["Service", "modles", "default", 'did you mean "models"?'],
    [
      "InferencePool",
      "llama",
      "other",
      'a policy only applies to its own namespace: move it to "default", the namespace of "llama"',
    ],
    ["Service", "database", "default", "add it, or remove the target"],
    ["Service", "llama", "default", "add it, or remove the target"],
  ])("%s %s in %s", (kind, name, namespace, remedy) => {
    expect(found("UMB0253", service(), policy(kind, name, namespace))).toMatchObject([
      { severity: "warning", remedy },
    ]);
  });

  test.each([
    ["InferencePool", "llama"],
    ["Service", "models"],
  ])("and one with an existing target is not reported: %s %s", (kind, name) => {
    const { topology } = read(service(), policy(kind, name));
    expect(found("UMB0253", service(), policy(kind, name))).toEqual([]);
    const asked = topology.pools.find(({ resourceName }) => resourceName === name);
    expect(asked?.tls).toEqual({ hostname: "llama.example.com" });
  });
});

test("endpoints with an unverified certificate are a warning", () => {
  expect(found("UMB0254", service(", appProtocol: https"))).toMatchObject([
    { severity: "warning" },
  ]);
  expect(found("UMB0254", service(", appProtocol: https"), policy("Service", "models"))).toEqual(
    [],
  );
});
