import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import {
  directTopology,
  heldRequestBytes,
  leastHeldBytes,
  memoryLimits,
  readTopology,
  renderBootstrap,
  type Topology,
} from "@umbra/envoy-config";
import { parse } from "yaml";

const MiB = 1024 ** 2;
const root = fileURLToPath(new URL("../../../", import.meta.url));

const total = (topology: Topology, of: "envoy" | "sidecar") =>
  memoryLimits(topology)
    .filter((each) => each.of === of)
    .reduce((sum, { times, bytes }) => sum + times * bytes, 0);

const resources = (more = "", mirrors = 1) => `
kind: Gateway
apiVersion: gateway.networking.k8s.io/v1
metadata: {name: gateway}
spec: {listeners: [{name: http, port: 8080, protocol: HTTP}]}
---
kind: HTTPRoute
apiVersion: gateway.networking.k8s.io/v1
metadata: {name: route}
spec:
  parentRefs: [{name: gateway}]
  rules:
    - backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: pool}]
      filters:
${Array.from({ length: mirrors }, (_, i) => `        - {type: RequestMirror, requestMirror: {backendRef: {kind: Service, name: shadow-${i}, port: 8000}}}`).join("\n")}
---
kind: InferencePool
apiVersion: inference.networking.k8s.io/v1
metadata: {name: pool, annotations: {umbra.dev/endpoints: "10.0.0.1:8000"}}
spec: {targetPorts: [{number: 8000}], selector: {matchLabels: {app: pool}}, endpointPickerRef: {name: umbra, port: {number: 9002}}}
${Array.from({ length: mirrors }, (_, i) => `---\nkind: Service\napiVersion: v1\nmetadata: {name: shadow-${i}, annotations: {umbra.dev/endpoints: "10.0.1.${i}:8000"}}\nspec: {selector: {app: shadow}, ports: [{port: 8000}]}`).join("\n")}
${more}`;

const settings = (spec: string) =>
  `---\nkind: EnvoySettings\napiVersion: umbra.dev/v1alpha1\nmetadata: {name: edge}\nspec: ${spec}\n`;

const read = (text: string) => readTopology([{ name: "r.yaml", text }]);
const findings = (text: string) =>
  read(text)
    .diagnostics.filter(({ code }) => code === "UMB0245")
    .map(({ severity, line, message }) => ({ severity, line, message }));

test.each([
  { maxBody: "32Mi", warned: [] },
  { maxBody: "33Mi", warned: ["warning"] },
])("a largest body of $maxBody: $warned", ({ maxBody, warned }) => {
  const found = read(resources(settings(`{maxBody: ${maxBody}}`))).diagnostics.filter(
    ({ code }) => code === "UMB0246",
  );
  expect(found.map(({ severity }) => severity)).toEqual(warned);
});

describe("the memory limits", () => {
  const files = globSync(["envoy/*/resources.yaml", "examples/*/*.yaml"], { cwd: root });

  test.each(files)("of %s fit", (file) => {
    const text = readFileSync(`${root}/${file}`, "utf8");
    expect(findings(text)).toEqual([]);
  });

  test("of a mirror without a policy are summed", () => {
    const { topology } = read(resources());
    // 32 twins: the body here and on its way to the sidecar, the answer, and two windows of 256 KiB.
    expect(total(topology, "envoy")).toBe(32 * (2 + 1 + 3 / 16 + 0.5) * MiB);
    expect(total(topology, "sidecar")).toBeLessThanOrEqual(4_096 * MiB);
    expect(heldRequestBytes(topology)).toBeGreaterThan(leastHeldBytes(topology.envoy.settings));
    const reading = memoryLimits(topology).filter(({ what }) =>
      /^measured answers|^the thread/.test(what),
    );
    expect(reading.reduce((sum, { times, bytes }) => sum + times * bytes, 0)).toBe(
      (12 + 2 * 64 + 512 + 1_024) * MiB,
    );
  });

  test("of Envoy that are exceeded are an error with a suggested value", () => {
    const [finding, ...others] = findings(
      resources(settings("{maxHeap: 256Mi, maxShadowRequests: 64}")),
    );
    expect(others).toEqual([]);
    expect(finding).toMatchObject({ severity: "error" });
    const [, enough] = /raise `maxHeap` to (\w+)/.exec(finding?.message ?? "") ?? [];
    expect(findings(resources(settings(`{maxHeap: ${enough}, maxShadowRequests: 64}`)))).toEqual(
      [],
    );
    expect(findings(resources(settings("{maxHeap: 256Mi, maxShadowRequests: 16}")))).toEqual([]);
  });

  test.each(["{maxBody: 512Mi}", "{sidecarMemory: 512Mi}", "{maxBody: 1Gi, sidecarMemory: 1Gi}"])(
    "of the sidecar that are exceeded are an error with a suggested value: %s",
    (spec) => {
      const [finding] = findings(resources(settings(spec)));
      expect(finding).toMatchObject({ severity: "error" });
      const [, enough] = /raise `sidecarMemory` to (\w+)/.exec(finding?.message ?? "") ?? [];
      const [, maxBody = "32Mi"] = /maxBody: (\w+)/.exec(spec) ?? [];
      const raised = settings(`{maxBody: ${maxBody}, maxHeap: 64Gi, sidecarMemory: ${enough}}`);
      expect(findings(resources(raised))).toEqual([]);
    },
  );

  const gateway = resources().split("---")[0] ?? "";
  const addresses = (count: number, net = 0) =>
    Array.from({ length: count }, (_, i) => `10.${net}.${i >> 8}.${i & 255}:8000`).join(",");
  const service = (count: number) =>
    `---\nkind: Service\napiVersion: v1\nmetadata: {name: web, annotations: {umbra.dev/picker: none, umbra.dev/endpoints: "${addresses(count)}"}}\nspec: {ports: [{port: 8000}]}\n`;
  const inferencePool = (name: string, list: string) =>
    `---\nkind: InferencePool\napiVersion: inference.networking.k8s.io/v1\nmetadata: {name: ${name}, annotations: {umbra.dev/endpoints: "${list}"}}\nspec: {targetPorts: [{number: 8000}], selector: {matchLabels: {app: pool}}, endpointPickerRef: {name: umbra, port: {number: 9002}}}\n`;
  const poolRef = (name: string) =>
    `{group: inference.networking.k8s.io, kind: InferencePool, name: ${name}}`;
  const route = (backend: string, { rules = 1, shadow = "" } = {}) => `---
kind: HTTPRoute
apiVersion: gateway.networking.k8s.io/v1
metadata: {name: route}
spec:
  parentRefs: [{name: gateway}]
  rules:
${Array.from({ length: rules }, (_, i) => `    - {matches: [{path: {type: PathPrefix, value: /p${i}}}], backendRefs: [${backend}]${shadow === "" ? "" : `, filters: [{type: RequestMirror, requestMirror: {backendRef: ${shadow}}}]`}}`).join("\n")}
`;
  const policy = (maxInFlight: number) =>
    `---\nkind: ShadowPolicy\napiVersion: umbra.dev/v1alpha1\nmetadata: {name: policy}\nspec: {targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: route}], sampling: {percent: 10}, budget: {maxInFlight: ${maxInFlight}}}\n`;
  const pagesOf = (topology: Topology) =>
    memoryLimits(topology).find(({ what }) => what.startsWith("concurrent metrics pages"))?.times;

  test("of the sidecar are empty if it is not used", () => {
    const plain = gateway + route("{name: web, port: 8000}") + service(1_000);
    expect(pagesOf(read(plain).topology)).toBe(0);
    expect(findings(plain + settings("{sidecarMemory: 256Mi}"))).toEqual([]);
    const picked = gateway + route(poolRef("pool")) + inferencePool("pool", addresses(2));
    expect(findings(picked + settings("{sidecarMemory: 256Mi}"))).toHaveLength(1);
  });

  test("count a scraped address once, and only concurrent pages", () => {
    const of = (count: number) =>
      gateway +
      route(poolRef("pool")) +
      inferencePool("pool", addresses(count)) +
      inferencePool("same", addresses(count));
    expect(pagesOf(read(of(3)).topology)).toBe(3);
    expect(pagesOf(read(of(1_000)).topology)).toBe(32);
    expect(findings(of(1_000))).toEqual([]);
  });

  const mirrored = (rules: number, maxInFlight: number, backend = poolRef("pool")) =>
    gateway +
    route(backend, { rules, shadow: poolRef("shadow") }) +
    service(1) +
    inferencePool("pool", addresses(2)) +
    inferencePool("shadow", addresses(2, 1)) +
    policy(maxInFlight);

  test("count a policy's twins and samples once, for any number of rules", () => {
    const [one, many] = [1, 18].map((rules) => read(mirrored(rules, 32)).topology);
    expect(many?.mirrors).toHaveLength(18);
    for (const whose of ["envoy", "sidecar"] as const) {
      expect(total(many as Topology, whose)).toBe(total(one as Topology, whose));
    }
    expect(findings(mirrored(18, 400))).toEqual([]);
  });

  test("count a policy's twins for each rule if Envoy samples them", () => {
    const [one, three] = [1, 3].map((rules) =>
      total(read(mirrored(rules, 8, "{name: web, port: 8000}")).topology, "envoy"),
    );
    expect(three).toBe(3 * (one ?? 0));
  });

  test.each([4, 32, 400])("count the twins that Envoy allows: maxInFlight %p", (most) => {
    const { topology } = read(mirrored(1, most));
    const counted = memoryLimits(topology).filter(({ of }) => of === "envoy");
    const { static_resources: all } = parse(renderBootstrap(topology)) as {
      static_resources: {
        clusters: {
          name: string;
          circuit_breakers?: { thresholds: { max_requests: number }[] };
        }[];
      };
    };
    const admitted = all.clusters
      .filter(({ name }) => /^(lane|shadow)\//.test(name))
      .map(({ circuit_breakers: limits }) => limits?.thresholds[0]?.max_requests);
    expect(admitted).toEqual([most + 16, most + 16]);
    expect(new Set(counted.map(({ times }) => times))).toEqual(new Set([most + 16]));
  });

  test("more mirrors take more", () => {
    const [one, three] = [1, 3].map((count) => total(read(resources("", count)).topology, "envoy"));
    expect(three).toBe(3 * (one ?? 0));
  });
});

describe("the rendered buffers of twins", () => {
  interface Rendered {
    readonly static_resources: Record<
      "clusters" | "listeners",
      readonly { name: string; per_connection_buffer_limit_bytes?: number }[]
    >;
  }
  const buffersOf = (topology: Topology) => {
    const { static_resources: all } = parse(renderBootstrap(topology)) as Rendered;
    return Object.fromEntries(
      [...all.clusters, ...all.listeners]
        .filter(({ name }) => /^(lane|shadow)/.test(name))
        .map((each) => [each.name.split("/")[0], each.per_connection_buffer_limit_bytes]),
    );
  };

  test("hold a mirrored body and a piece of an answer", () => {
    expect(buffersOf(read(resources()).topology)).toEqual({
      lane: MiB,
      shadow: 65_536,
      "shadow-lane": MiB + 65_536,
    });
  });

  test("follow `maxShadowBody`, and never exceed `maxBody`", () => {
    const large = read(resources(settings("{maxShadowBody: 4Mi}"))).topology;
    expect(buffersOf(large)).toMatchObject({ lane: 4 * MiB, "shadow-lane": 4 * MiB + 65_536 });
    const small = read(resources(settings("{maxBody: 512Ki}"))).topology;
    expect(buffersOf(small)).toMatchObject({ lane: MiB / 2 });
  });

  test("hold any body if twins are not limited", () => {
    const topology = directTopology({ primary: ["10.0.0.1:1"], shadow: ["10.0.0.2:1"], port: 80 });
    const unpicked = {
      ...topology,
      pools: topology.pools.map((pool) => ({ ...pool, picker: "none" as const })),
    };
    expect(buffersOf(unpicked)).toMatchObject({ lane: 32 * MiB, "shadow-lane": 65_536 });
  });
});
