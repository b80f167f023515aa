import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import {
  directTopology,
  heldRequestBytes,
  leastHeldBytes,
  memoryBounds,
  readTopology,
  renderBootstrap,
  type Topology,
} from "@umbra/envoy-config";
import { parse } from "yaml";

const MiB = 1024 ** 2;
const root = fileURLToPath(new URL("../../../", import.meta.url));

const total = (topology: Topology, of: "envoy" | "sidecar") =>
  memoryBounds(topology)
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

describe("the bounds of memory", () => {
  const files = globSync(["envoy/*/resources.yaml", "examples/*/*.yaml"], { cwd: root });

  test.each(files)("of %s fit", (file) => {
    const text = readFileSync(`${root}/${file}`, "utf8");
    expect(findings(text)).toEqual([]);
  });

  test("of a mirror without a policy are added up", () => {
    const { topology } = read(resources());
    // 32 copies: the body here and on its way to the sidecar, the answer, and two windows of 256 KiB.
    expect(total(topology, "envoy")).toBe(32 * (2 + 1 + 3 / 16 + 0.5) * MiB);
    expect(total(topology, "sidecar")).toBeLessThanOrEqual(3_072 * MiB);
    expect(heldRequestBytes(topology)).toBeGreaterThan(leastHeldBytes(topology.envoy.settings));
  });

  test("of Envoy that do not fit are refused, with what fits", () => {
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
    "of the sidecar that do not fit are refused, with what fits: %s",
    (spec) => {
      const [finding] = findings(resources(settings(spec)));
      expect(finding).toMatchObject({ severity: "error" });
      const [, enough] = /raise `sidecarMemory` to (\w+)/.exec(finding?.message ?? "") ?? [];
      const [, maxBody = "32Mi"] = /maxBody: (\w+)/.exec(spec) ?? [];
      const raised = settings(`{maxBody: ${maxBody}, maxHeap: 64Gi, sidecarMemory: ${enough}}`);
      expect(findings(resources(raised))).toEqual([]);
    },
  );

  test("more mirrors take more", () => {
    const [one, three] = [1, 3].map((count) => total(read(resources("", count)).topology, "envoy"));
    expect(three).toBe(3 * (one ?? 0));
  });
});

describe("the rendered buffers of copies", () => {
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

  test("hold a body that is mirrored, and a piece of an answer", () => {
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

  test("hold any body where nobody bounds the copies", () => {
    const topology = directTopology({ primary: ["10.0.0.1:1"], shadow: ["10.0.0.2:1"], port: 80 });
    const unpicked = {
      ...topology,
      pools: topology.pools.map((pool) => ({ ...pool, picker: "none" as const })),
    };
    expect(buffersOf(unpicked)).toMatchObject({ lane: 32 * MiB, "shadow-lane": 65_536 });
  });
});
