import { describe, expect, test } from "@jest/globals";
import { readTopology } from "@umbra/envoy-config";

type Json = Readonly<Record<string, unknown>>;

const gateway = {
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "Gateway",
  metadata: { name: "gw" },
  spec: { listeners: [{ name: "http", port: 8080, protocol: "HTTP" }] },
};

const routeTo = (backend: Json) => ({
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "HTTPRoute",
  metadata: { name: "r" },
  spec: { parentRefs: [{ name: "gw" }], rules: [{ backendRefs: [backend] }] },
});

const service = (ports: readonly Json[], more: Json = {}) => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "vllm" },
  spec: { selector: { app: "vllm" }, ports, ...more },
});

interface PodOptions {
  readonly name?: string;
  readonly ip?: string;
  readonly ports?: readonly Json[];
  readonly phase?: string;
  readonly ready?: string;
  readonly deletionTimestamp?: string;
  readonly initContainers?: readonly Json[];
}

const pod = ({ name = "p", ip = "10.0.0.1", ports = [], ...more }: PodOptions = {}) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    ...{ name, labels: { app: "vllm" } },
    ...(more.deletionTimestamp === undefined ? {} : { deletionTimestamp: more.deletionTimestamp }),
  },
  spec: { containers: [{ name: "c", ports }], initContainers: more.initContainers ?? [] },
  status: {
    ...{ phase: more.phase ?? "Running", podIP: ip },
    conditions: [{ type: "Ready", status: more.ready ?? "True" }],
  },
});

const slice = (ports: readonly Json[], endpoints: readonly Json[], name = "vllm-1") => ({
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  metadata: { name, labels: { "kubernetes.io/service-name": "vllm" } },
  ...{ ports, endpoints },
});

function read(...objects: readonly Json[]) {
  const files = [gateway, ...objects].map((object, i) => ({
    name: `${i}.json`,
    text: JSON.stringify(object),
  }));
  const { topology, diagnostics } = readTopology(files);
  const [pool] = topology.pools;
  return {
    endpoints: pool?.endpoints,
    draining: pool?.drainingEndpoints,
    dns: pool?.dns,
    protocol: pool?.protocol,
    found: diagnostics
      .filter(({ code }) => code !== "UMB0308" && code !== "UMB0205")
      .map(({ severity, code }) => `${severity} ${code}`),
    messages: diagnostics.map(({ message }) => message).join("\n"),
  };
}

const toService = routeTo({ name: "vllm", port: 80 });
const named = service([{ name: "http", port: 80, targetPort: "api" }]);
const api = (containerPort: number) => [{ name: "api", containerPort }];

describe("the target port of a Service", () => {
  test.each([
    { name: "is the number", ports: [{ port: 80, targetPort: 8000 }], want: ["10.0.0.1:8000"] },
    { name: "is the Service's own", ports: [{ port: 80 }], want: ["10.0.0.1:80"] },
    {
      name: "is the number of the named container port",
      ports: [{ port: 80, targetPort: "api" }],
      want: ["10.0.0.1:9000"],
    },
    {
      name: "is the TCP port if UDP has the same number",
      ports: [
        { name: "u", port: 80, protocol: "UDP", targetPort: 53 },
        { name: "t", port: 80, targetPort: 8000 },
      ],
      want: ["10.0.0.1:8000"],
    },
  ])("$name", ({ ports, want }) => {
    const { endpoints, found } = read(toService, service(ports), pod({ ports: api(9000) }));
    expect(endpoints).toEqual(want);
    expect(found).toEqual([]);
  });

  test("may have another number in each Pod", () => {
    const pods = [
      pod({ name: "a", ip: "10.0.0.1", ports: api(8000) }),
      pod({ name: "b", ip: "10.0.0.2", ports: api(8001) }),
    ];
    expect(read(toService, named, ...pods).endpoints).toEqual(["10.0.0.1:8000", "10.0.0.2:8001"]);
  });

  test("may be a port of a sidecar container", () => {
    const initContainers = [{ name: "s", restartPolicy: "Always", ports: api(8200) }];
    expect(read(toService, named, pod({ initContainers })).endpoints).toEqual(["10.0.0.1:8200"]);
  });

  test("skips a Pod without such a port and reports it", () => {
    const pods = [
      pod({ name: "a", ip: "10.0.0.1", ports: api(8000) }),
      pod({ name: "b", ip: "10.0.0.2", ports: [{ name: "web", containerPort: 8000 }] }),
    ];
    const { endpoints, found, messages } = read(toService, named, ...pods);
    expect(endpoints).toEqual(["10.0.0.1:8000"]);
    expect(found).toEqual(["warning UMB0252"]);
    expect(messages).toContain('no container of Pod "b" has a port named "api"');
  });

  test("is left to Kubernetes if no Pod is known", () => {
    const { dns, found } = read(toService, named);
    expect(dns).toEqual({ hostname: "vllm.default.svc", port: 80 });
    expect(found).toEqual([]);
  });

  test("is the port of a headless Service's DNS name", () => {
    const headless = service([{ port: 80, targetPort: 8000 }], { clusterIP: "None" });
    expect(read(toService, headless).dns).toEqual({ hostname: "vllm.default.svc", port: 8000 });
  });

  test("of a headless Service must resolve", () => {
    const headless = service([{ port: 80, targetPort: "api" }], { clusterIP: "None" });
    expect(read(toService, headless).found).toEqual(["warning UMB0252"]);
  });

  test.each([-1, 70_000, "99999"])("is an error if it is %j", (targetPort) => {
    expect(read(toService, service([{ port: 80, targetPort }])).found).toContain("error UMB0104");
  });
});

describe("a port of an EndpointSlice", () => {
  const http = service([{ name: "http", port: 80 }]);
  const ip = { addresses: ["192.0.2.1"] };

  test("is found by name, not by position", () => {
    const ports = [
      { name: "metrics", port: 9090 },
      { name: "http", port: 8000 },
    ];
    expect(read(toService, http, slice(ports, [ip])).endpoints).toEqual(["192.0.2.1:8000"]);
  });

  test("without a name matches the port without a name", () => {
    const plain = service([{ port: 80 }]);
    expect(read(toService, plain, slice([{ port: 8000 }], [ip])).endpoints).toEqual([
      "192.0.2.1:8000",
    ]);
  });

  test.each([
    ["another name", [{ name: "metrics", port: 9090 }]],
    ["no name", [{ port: 9090 }]],
    ["no port", []],
  ])("with %s is never used instead", (_name, ports) => {
    const { endpoints, found } = read(toService, http, slice(ports, [ip]));
    expect(endpoints).toEqual([]);
    expect(found).toEqual(["warning UMB0252"]);
  });
});

describe("an endpoint of an EndpointSlice", () => {
  test.each([
    { conditions: {}, isUsed: true },
    { conditions: { ready: true }, isUsed: true },
    { conditions: { ready: false }, isUsed: false },
    { conditions: { ready: false, serving: true }, isUsed: false },
    { conditions: { ready: false, serving: true, terminating: true }, isUsed: false },
    { conditions: { ready: true, serving: true, terminating: true }, isUsed: false },
    { conditions: { ready: false, serving: false, terminating: true }, isUsed: false },
  ])("with $conditions next to a ready one is used: $isUsed", ({ conditions, isUsed }) => {
    const endpoints = [{ addresses: ["192.0.2.1"], conditions }, { addresses: ["192.0.2.2"] }];
    const all = slice([{ name: "", port: 8000 }], endpoints);
    expect(read(toService, service([{ port: 80 }]), all).endpoints).toEqual(
      isUsed ? ["192.0.2.1:8000", "192.0.2.2:8000"] : ["192.0.2.2:8000"],
    );
  });

  test.each([
    { conditions: { ready: false, serving: true, terminating: true }, isDraining: true },
    { conditions: { serving: true, terminating: true }, isDraining: true },
    { conditions: { ready: false, serving: false, terminating: true }, isDraining: false },
    { conditions: { ready: false, serving: true }, isDraining: false },
  ])("with $conditions next to a ready one drains: $isDraining", ({ conditions, isDraining }) => {
    const endpoints = [{ addresses: ["192.0.2.1"], conditions }, { addresses: ["192.0.2.2"] }];
    const all = slice([{ name: "", port: 8000 }], endpoints);
    expect(read(toService, service([{ port: 80 }]), all).draining).toEqual(
      isDraining ? ["192.0.2.1:8000"] : undefined,
    );
  });

  test("that is ready in one EndpointSlice and leaving in another is ready", () => {
    const conditions = { ready: false, serving: true, terminating: true };
    const ports = [{ name: "", port: 8000 }];
    const leaving = slice(ports, [{ addresses: ["192.0.2.1"], conditions }]);
    const ready = slice(ports, [{ addresses: ["192.0.2.1"] }], "other");
    const { endpoints, draining } = read(toService, service([{ port: 80 }]), leaving, ready);
    expect({ endpoints, draining }).toEqual({ endpoints: ["192.0.2.1:8000"], draining: undefined });
  });

  test("that is terminating but serving is used if none is ready", () => {
    const conditions = { ready: false, serving: true, terminating: true };
    const all = slice([{ port: 8000 }], [{ addresses: ["192.0.2.1"], conditions }]);
    expect(read(toService, service([{ port: 80 }]), all).endpoints).toEqual(["192.0.2.1:8000"]);
  });
});

describe("a Pod", () => {
  test.each([
    { pod: {}, isUsed: true },
    { pod: { ready: "False" }, isUsed: false },
    { pod: { ready: "Unknown" }, isUsed: false },
    { pod: { deletionTimestamp: "2026-01-01T00:00:00Z" }, isUsed: false },
    { pod: { phase: "Succeeded" }, isUsed: false },
    { pod: { phase: "Failed" }, isUsed: false },
  ])("of $pod is an endpoint: $isUsed", ({ pod: options, isUsed }) => {
    const pods = [pod({ name: "other", ip: "10.0.0.9" }), pod(options)];
    expect(read(toService, service([{ port: 80, targetPort: 8000 }]), ...pods).endpoints).toEqual(
      isUsed ? ["10.0.0.1:8000", "10.0.0.9:8000"] : ["10.0.0.9:8000"],
    );
  });

  test.each([
    { ready: "True", isDraining: true },
    { ready: "False", isDraining: false },
  ])("that is deleted while Ready is $ready drains: $isDraining", ({ ready, isDraining }) => {
    const leaving = pod({ ready, deletionTimestamp: "2026-01-01T00:00:00Z" });
    const pods = [pod({ name: "other", ip: "10.0.0.9" }), leaving];
    const found = read(toService, service([{ port: 80, targetPort: 8000 }]), ...pods);
    expect(found.draining).toEqual(isDraining ? ["10.0.0.1:8000"] : undefined);
  });

  test("that is leaving is used if no other is ready", () => {
    const leaving = pod({ deletionTimestamp: "2026-01-01T00:00:00Z" });
    const found = read(toService, service([{ port: 80, targetPort: 8000 }]), leaving);
    expect(found).toMatchObject({ endpoints: ["10.0.0.1:8000"], draining: undefined });
  });
});

describe("a reference by group and kind", () => {
  const pool = (apiVersion: string) => ({
    ...{ apiVersion, kind: "InferencePool" },
    metadata: { name: "llm", annotations: { "umbra.dev/endpoints": "10.0.0.1:8000" } },
    spec: apiVersion.includes("x-k8s")
      ? { selector: { app: "a" }, targetPortNumber: 8000 }
      : { selector: { matchLabels: { app: "a" } }, targetPorts: [{ number: 8000 }] },
  });
  const v1 = pool("inference.networking.k8s.io/v1");
  const alpha = pool("inference.networking.x-k8s.io/v1alpha2");
  const ref = (group: string) => routeTo({ group, kind: "InferencePool", name: "llm" });

  test.each([
    ["inference.networking.k8s.io", v1],
    ["inference.networking.x-k8s.io", alpha],
  ])("finds the pool of its group %s", (group, object) => {
    expect(read(ref(group), object).found).toEqual([]);
  });

  test.each([
    ["no group", "", v1, "use `group: inference.networking.k8s.io`"],
    ["another group", "example.com", v1, "use `group: inference.networking.k8s.io`"],
    ["the older group", "inference.networking.x-k8s.io", v1, "is in the group"],
    ["the newer group", "inference.networking.k8s.io", alpha, "is in the group"],
  ])("does not find a pool by %s", (_name, group, object, message) => {
    const { found, messages } = read(ref(group), object);
    expect(found).toEqual(["warning UMB0203"]);
    expect(messages).toContain(message);
  });

  test("does not find a Service by another group", () => {
    const other = routeTo({ group: "example.com", kind: "Service", name: "vllm", port: 80 });
    expect(read(other, service([{ port: 80 }])).found).toEqual(["warning UMB0203"]);
  });

  test.each([{ kind: "Service" }, { group: "example.com" }])(
    "of an InferenceObjective is an error with %j",
    (wrong) => {
      const objective = {
        apiVersion: "llm-d.ai/v1alpha2",
        kind: "InferenceObjective",
        metadata: { name: "o" },
        spec: { poolRef: { name: "llm", ...wrong }, priority: 1 },
      };
      expect(read(ref("inference.networking.k8s.io"), v1, objective).found).toEqual([
        "error UMB0104",
      ]);
    },
  );
});

describe("appProtocol of a Service's port", () => {
  test.each([
    [undefined, "http1"],
    ["http", "http1"],
    ["kubernetes.io/ws", "http1"],
    ["ws", "http1"],
    ["kubernetes.io/h2c", "h2c"],
    ["grpc", "h2c"],
  ])("%s means %s", (appProtocol, protocol) => {
    const read1 = read(toService, service([{ port: 80, appProtocol }]));
    expect(read1.protocol).toBe(protocol);
    expect(read1.found).toEqual([]);
  });

  test("is reported if Umbra does not support it", () => {
    expect(read(toService, service([{ port: 80, appProtocol: "redis" }])).found).toEqual([
      "warning UMB0208",
    ]);
  });
});
