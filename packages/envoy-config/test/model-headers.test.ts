import { describe, expect, test } from "@jest/globals";
import { readTopology } from "@umbra/envoy-config";

const backend = "{group: inference.networking.k8s.io, kind: InferencePool, name: llama}";
const by = (header: string) =>
  `    - {matches: [{headers: [{name: ${header}, value: llama}]}], backendRefs: [${backend}]}`;
const all = `    - {backendRefs: [${backend}]}`;

function findings(...rules: readonly string[]) {
  const text = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway}
spec: {listeners: [{name: http, port: 8080, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: chat}
spec:
  parentRefs: [{name: gateway}]
  rules:
${rules.join("\n")}
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: llama, annotations: {umbra.dev/endpoints: "10.0.0.1:8000"}}
spec: {selector: {matchLabels: {app: llama}}, targetPorts: [{number: 8000}]}
`;
  return readTopology([{ name: "x", text }])
    .diagnostics.filter(({ code }) => code === "UMB0320")
    .map(({ severity, message }) => ({ severity, message }));
}

describe("routes that need a model header", () => {
  test.each([
    "X-Gateway-Model-Name",
    "x-gateway-base-model-name",
    "x-gateway-inference-model",
    "x-ai-eg-model",
    "x-model",
    "X-Our-Model-Id",
    "model",
    "Model-Name",
    "openai-model",
    "llm-model-id",
  ])("are a warning if every route needs %s", (header) => {
    expect(findings(by(header), by(header).replace("llama", "phi"))).toEqual([
      { severity: "warning", message: expect.stringContaining(header.toLowerCase()) as unknown },
    ]);
  });

  test("report which component sets the header", () => {
    const [found] = findings(by("x-ai-eg-model"));
    expect(found?.message).toContain("(Envoy AI Gateway does)");
  });

  test("are an info if another route serves requests without the header", () => {
    expect(findings(by("x-ai-eg-model"), all)).toMatchObject([{ severity: "info" }]);
  });

  test.each(["x-tenant", "x-model-tier-of-client", "supermodel", "remodel-id", "authorization"])(
    "are not reported if they need %s",
    (header) => {
      expect(findings(by(header))).toEqual([]);
    },
  );
});
