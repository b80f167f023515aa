import { describe, expect, test } from "@jest/globals";
import { createResourceStore, type Pool } from "@umbra/envoy-config";

type Json = Readonly<Record<string, unknown>>;

const route = {
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "HTTPRoute",
  metadata: { name: "r", namespace: "default" },
  spec: { parentRefs: [{ name: "gw" }], rules: [{ backendRefs: [{ name: "vllm", port: 80 }] }] },
};
const gateway = {
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "Gateway",
  metadata: { name: "gw", namespace: "default" },
  spec: { listeners: [{ name: "http", port: 8080, protocol: "HTTP" }] },
};
const service = (spec: Json = { selector: { app: "vllm" } }) => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "vllm", namespace: "default" },
  spec: { ports: [{ port: 80, targetPort: 8000 }], ...spec },
});
const slice = (name: string, endpoints: readonly Json[], addressType = "IPv4") => ({
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  metadata: { name, namespace: "default", labels: { "kubernetes.io/service-name": "vllm" } },
  addressType,
  ports: [{ name: "", port: 8000 }],
  endpoints,
});
const ready = { addresses: ["10.0.0.9"], conditions: { ready: true } };

/** What a cluster with these objects gives. */
function resolve(...objects: readonly Json[]) {
  const store = createResourceStore({ isLive: true, hasAllPods: true });
  for (const object of [gateway, route, ...objects]) store.putObject(object);
  const { topology, diagnostics } = store.resolve();
  return { pool: topology.pools[0], diagnostics };
}

type State = "ready" | "draining" | "gone";

function stateOf(address: string, pool: Pool | undefined): State {
  if (pool?.endpoints.includes(address)) return "ready";
  return pool?.drainingEndpoints?.includes(address) ? "draining" : "gone";
}

describe("an endpoint of an EndpointSlice, next to a ready one", () => {
  /** Of `ready`, `serving` and `terminating`; `-` is absent. */
  test.each<readonly [string, string, string, State]>([
    ["-", "-", "-", "ready"],
    ["-", "-", "no", "ready"],
    ["-", "-", "yes", "draining"],
    ["-", "no", "-", "ready"],
    ["-", "no", "no", "ready"],
    ["-", "no", "yes", "gone"],
    ["-", "yes", "-", "ready"],
    ["-", "yes", "no", "ready"],
    ["-", "yes", "yes", "draining"],
    ["no", "-", "-", "gone"],
    ["no", "-", "no", "gone"],
    ["no", "-", "yes", "gone"],
    ["no", "no", "-", "gone"],
    ["no", "no", "no", "gone"],
    ["no", "no", "yes", "gone"],
    ["no", "yes", "-", "gone"],
    ["no", "yes", "no", "gone"],
    ["no", "yes", "yes", "draining"],
    ["yes", "-", "-", "ready"],
    ["yes", "-", "no", "ready"],
    ["yes", "-", "yes", "draining"],
    ["yes", "no", "-", "ready"],
    ["yes", "no", "no", "ready"],
    ["yes", "no", "yes", "gone"],
    ["yes", "yes", "-", "ready"],
    ["yes", "yes", "no", "ready"],
    ["yes", "yes", "yes", "draining"],
  ])(
    "that is ready: %s, serving: %s, terminating: %s is %s",
    (...[isReady, serving, terminating, want]) => {
      const given = Object.entries({ ready: isReady, serving, terminating });
      const conditions = Object.fromEntries(
        given.filter(([, text]) => text !== "-").map(([name, text]) => [name, text === "yes"]),
      );
      const { pool } = resolve(
        service(),
        slice("a", [{ addresses: ["10.0.0.1"], conditions }, ready]),
      );
      expect(stateOf("10.0.0.1:8000", pool)).toBe(want);
    },
  );
});

describe("a Pod of a Service or of an InferencePool, next to a ready one", () => {
  const inferencePool = {
    apiVersion: "inference.networking.k8s.io/v1",
    kind: "InferencePool",
    metadata: { name: "pool", namespace: "default" },
    spec: { selector: { matchLabels: { app: "vllm" } }, targetPorts: [{ number: 8000 }] },
  };
  const pod = (name: string, ip: string | undefined, status: Json, metadata: Json = {}) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", labels: { app: "vllm" }, ...metadata },
    spec: { containers: [] },
    status: { ...(ip === undefined ? {} : { podIP: ip }), ...status },
  });
  const status = (phase: string, isReady: string) => ({
    phase,
    conditions: isReady === "-" ? [] : [{ type: "Ready", status: isReady }],
  });
  const deleted = { deletionTimestamp: "2026-11-30T11:00:00Z", deletionGracePeriodSeconds: 30 };

  const phases = ["Running", "Pending", "Succeeded", "Failed"];
  const readiness = ["True", "False", "Unknown", "-"];
  const wanted: Readonly<Record<string, State>> = {
    "Running True kept": "ready",
    "Running True deleted": "draining",
    "Pending True kept": "ready",
    "Pending True deleted": "draining",
  };
  const rows = phases.flatMap((phase) =>
    readiness.flatMap((isReady) =>
      ["kept", "deleted"].map((fate) => {
        const want = wanted[`${phase} ${isReady} ${fate}`] ?? "gone";
        return { phase, isReady, fate, want };
      }),
    ),
  );
  const metadataOf = (fate: string) => (fate === "deleted" ? deleted : {});

  test.each(rows)(
    "that is $phase, Ready $isReady and $fate is $want",
    ({ phase, isReady, fate, want }) => {
      const other = pod("other", "10.0.0.9", status("Running", "True"));
      const own = pod("own", "10.0.0.1", status(phase, isReady), metadataOf(fate));
      expect(stateOf("10.0.0.1:8000", resolve(service(), other, own).pool)).toBe(want);
      expect(stateOf("10.0.0.1:8000", resolve(inferencePool, other, own).pool)).toBe(want);
    },
  );

  test("without an address is no endpoint", () => {
    const { pool } = resolve(service(), pod("own", undefined, status("Running", "True")));
    expect(pool?.endpoints).toEqual([]);
  });
});

describe("a Service in a cluster", () => {
  const named = (name: string) => ({ kind: "Pod", name });
  const at = (ip: string, pod?: string) => ({
    addresses: [ip],
    ...(pod === undefined ? {} : { targetRef: named(pod) }),
  });

  test.each([
    { name: "with a selector", spec: { selector: { app: "vllm" } } },
    { name: "without a selector", spec: {} },
    { name: "that is headless", spec: { clusterIP: "None", selector: { app: "vllm" } } },
    { name: "that is headless, without a selector", spec: { clusterIP: "None" } },
  ])("$name has the same cluster, whether it has endpoints or none", ({ spec }) => {
    const without = resolve(service(spec)).pool;
    const empty = resolve(service(spec), slice("a", [])).pool;
    const full = resolve(service(spec), slice("a", [ready])).pool;
    expect([without?.endpoints, empty?.endpoints, full?.endpoints]).toEqual([
      [],
      [],
      ["10.0.0.9:8000"],
    ]);
    expect([without, empty, full].map((pool) => [pool?.picker, pool?.dns])).toEqual([
      ["umbra", undefined],
      ["umbra", undefined],
      ["umbra", undefined],
    ]);
  });

  test("has the endpoints of all its EndpointSlices, also of those that someone wrote", () => {
    const { pool } = resolve(
      service({}),
      slice("a", [at("10.0.0.1")]),
      slice("b", [at("10.0.0.2"), at("10.0.0.1")]),
      slice("c", [at("fd00::1")], "IPv6"),
    );
    expect(pool?.endpoints).toEqual(["10.0.0.1:8000", "10.0.0.2:8000", "[fd00::1]:8000"]);
  });

  test.each([
    { families: undefined, want: ["10.0.0.1:8000", "[fd00::2]:8000"] },
    { families: ["IPv4", "IPv6"], want: ["10.0.0.1:8000", "[fd00::2]:8000"] },
    { families: ["IPv6", "IPv4"], want: ["[fd00::1]:8000", "[fd00::2]:8000"] },
  ])("of $families counts a Pod with two addresses once", ({ families, want }) => {
    const { pool } = resolve(
      service(families === undefined ? {} : { ipFamilies: families }),
      slice("four", [at("10.0.0.1", "a")]),
      slice("six", [at("fd00::1", "a"), at("fd00::2", "b")], "IPv6"),
    );
    expect(pool?.endpoints).toEqual(want);
  });

  test("of type ExternalName is refused", () => {
    const external = service({ type: "ExternalName", externalName: "db.example.com" });
    const { pool, diagnostics } = resolve(external);
    expect(pool).toBeUndefined();
    expect(diagnostics.find(({ code }) => code === "UMB0203")).toMatchObject({
      message: expect.stringContaining("is of type ExternalName"),
      condition: { type: "ResolvedRefs", status: "False", reason: "InvalidKind" },
    });
  });

  test("of type ExternalName has the endpoints that its annotation lists", () => {
    const external = service({ type: "ExternalName", externalName: "db.example.com" });
    const metadata = {
      ...external.metadata,
      annotations: { "umbra.dev/endpoints": "10.0.0.1:8000" },
    };
    expect(resolve({ ...external, metadata }).pool?.endpoints).toEqual(["10.0.0.1:8000"]);
  });
});
