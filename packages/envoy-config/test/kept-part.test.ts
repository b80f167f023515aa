import { describe, expect, test } from "@jest/globals";
import { keptPart } from "@umbra/envoy-config";

const metadata = { name: "a", namespace: "n", uid: "1", labels: { app: "llama" } };

describe("what is kept of an object", () => {
  test("a Pod's ports and readiness, and none of its volumes, variables and states", () => {
    const ports = [{ name: "http", containerPort: 8000 }];
    const pod = {
      ...{ apiVersion: "v1", kind: "Pod", metadata },
      spec: {
        containers: [{ name: "vllm", image: "vllm", env: [{ name: "A" }], ports }],
        initContainers: [{ name: "sidecar", restartPolicy: "Always" }],
        volumes: [{ name: "cache" }],
      },
      status: {
        phase: "Running",
        podIP: "10.0.0.1",
        conditions: [
          { type: "Initialized", status: "True" },
          { type: "Ready", status: "True", lastProbeTime: null },
        ],
        containerStatuses: [{ name: "vllm" }],
      },
    };
    expect(keptPart(pod)).toEqual({
      ...{ apiVersion: "v1", kind: "Pod", metadata },
      spec: { containers: [{ name: "vllm", ports }], initContainers: [{ name: "sidecar" }] },
      status: {
        ...{ phase: "Running", podIP: "10.0.0.1" },
        conditions: [{ type: "Ready", status: "True" }],
      },
    });
  });

  test("of a ConfigMap, authorities and configurations of pickers", () => {
    const config = "apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\n";
    const map = (data: object) => ({ apiVersion: "v1", kind: "ConfigMap", metadata, data });
    const both = { "ca.crt": "-----BEGIN", "plugins.yaml": config };
    expect(keptPart(map({ ...both, "values.json": "{}" }))).toEqual(map(both));
    expect(keptPart(map({ "values.json": "{}" }))).toBeUndefined();
    expect(keptPart({ kind: "ConfigMap", metadata })).toBeUndefined();
  });

  test("other kinds whole", () => {
    const service = { apiVersion: "v1", kind: "Service", metadata, spec: { ports: [] } };
    expect(keptPart(service)).toBe(service);
  });

  test.each([
    { name: "texts", spec: "x", status: "x" },
    { name: "lists", spec: [], status: [] },
    { name: "null", spec: null, status: null },
    { name: "wrong inside", spec: { containers: [null, 1] }, status: { conditions: [null, 1] } },
  ])("a Pod whose parts are $name is taken without a fault", ({ spec, status }) => {
    expect(keptPart({ kind: "Pod", metadata, spec, status })).toMatchObject({ metadata });
  });
});
