import { describe, expect, test } from "@jest/globals";
import {
  type BootstrapChange,
  directTopology,
  type JsonValue,
  type PatchOperation,
  readTopology,
  renderBootstrap,
  type Topology,
} from "@umbra/envoy-config";
import { patchProblems } from "@umbra/envoy-config/internal";
import fc from "fast-check";
import { parse } from "yaml";
import { propertyRuns } from "../../../testing/property-runs.ts";

const topology = directTopology({
  primary: ["10.0.0.1:8000"],
  shadow: ["10.0.0.2:8000"],
  port: 8080,
});
const changed = (bootstrap: BootstrapChange): Topology => ({
  ...topology,
  envoy: { ...topology.envoy, bootstrap },
});
const rendered = parse(renderBootstrap(topology)) as Record<string, JsonValue>;

function render(change: BootstrapChange): Record<string, JsonValue> {
  return parse(renderBootstrap(changed(change))) as Record<string, JsonValue>;
}

describe("a merge", () => {
  const cases: readonly { name: string; value: Record<string, JsonValue>; want: object }[] = [
    {
      name: "adds a missing field",
      value: { use_tcp_for_dns_lookups: true },
      want: { use_tcp_for_dns_lookups: true, node: { id: "umbra", cluster: "umbra" } },
    },
    {
      name: "changes a field and keeps its neighbours",
      value: { node: { id: "edge" } },
      want: { node: { id: "edge", cluster: "umbra" } },
    },
    {
      name: "treats protobuf's other spelling of a name as the same field",
      value: { statsConfig: { use_all_default_tags: true } },
      want: { stats_config: { use_all_default_tags: true, stats_tags: expect.any(Array) } },
    },
    {
      name: "removes a field that is null",
      value: { node: { id: null } },
      want: { node: { id: "umbra", cluster: "umbra" } },
    },
    {
      name: "replaces a message completely by one of another type",
      value: {
        overload_manager: {
          resource_monitors: [
            { name: "envoy.resource_monitors.fixed_heap", typed_config: { "@type": "other" } },
          ],
        },
      },
      want: {
        overload_manager: expect.objectContaining({
          resource_monitors: [
            expect.objectContaining({
              name: "envoy.resource_monitors.global_downstream_max_connections",
            }),
            { name: "envoy.resource_monitors.fixed_heap", typed_config: { "@type": "other" } },
          ],
        }),
      },
    },
  ];
  test.each(cases)("$name", ({ value, want }) => {
    expect(render({ kind: "merge", value })).toMatchObject(want);
  });

  test("changes one cluster by name and appends another", () => {
    const clusters = (of: Record<string, JsonValue>) =>
      (of.static_resources as { clusters: { name: string; dns_lookup_family?: string }[] })
        .clusters;
    const value = {
      static_resources: {
        clusters: [
          { name: "primary/default/primary", dns_lookup_family: "V4_ONLY" },
          { name: "mine", type: "STATIC" },
        ],
      },
    };
    const after = clusters(render({ kind: "merge", value }));
    expect(after.map(({ name }) => name)).toEqual([
      ...clusters(rendered).map(({ name }) => name),
      "mine",
    ]);
    expect(after.filter((each) => each.dns_lookup_family === "V4_ONLY")).toHaveLength(1);
  });

  test("of an empty bootstrap changes nothing", () => {
    expect(renderBootstrap(changed({ kind: "merge", value: {} }))).toBe(renderBootstrap(topology));
  });
});

describe("a replacement", () => {
  test("keeps its own fields and contains Umbra's listeners and clusters", () => {
    const after = render({
      kind: "replace",
      value: { node: { id: "edge" }, static_resources: { clusters: [{ name: "mine" }] } },
    });
    expect(after.node).toEqual({ id: "edge" });
    expect(after.admin).toEqual(rendered.admin);
    expect(after).not.toHaveProperty("overload_manager");
    expect(after.bootstrap_extensions).toEqual(rendered.bootstrap_extensions);
    const { listeners, clusters } = after.static_resources as Record<string, { name: string }[]>;
    expect(listeners).toEqual((rendered.static_resources as { listeners: unknown }).listeners);
    expect(clusters?.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["mine", "umbra-picker"]),
    );
  });
});

describe("a JSON Patch", () => {
  const cases: readonly { name: string; operations: readonly PatchOperation[]; node: JsonValue }[] =
    [
      {
        name: "adds a field",
        operations: [{ op: "add", path: "/node/metadata", value: { a: 1 } }],
        node: { id: "umbra", cluster: "umbra", metadata: { a: 1 } },
      },
      {
        name: "replaces a field",
        operations: [{ op: "replace", path: "/node/id", value: "edge" }],
        node: { id: "edge", cluster: "umbra" },
      },
      {
        name: "removes a field",
        operations: [{ op: "remove", path: "/node/cluster" }],
        node: { id: "umbra" },
      },
      {
        name: "moves and copies",
        operations: [
          { op: "move", from: "/node/id", path: "/node/a" },
          { op: "copy", from: "/node/a", path: "/node/b" },
        ],
        node: { cluster: "umbra", a: "umbra", b: "umbra" },
      },
      {
        name: "inserts before an item, and at the end",
        operations: [
          { op: "add", path: "/node/list", value: [1, 2] },
          { op: "add", path: "/node/list/0", value: 0 },
          { op: "add", path: "/node/list/-", value: 3 },
          { op: "remove", path: "/node/list/1" },
        ],
        node: { id: "umbra", cluster: "umbra", list: [0, 2, 3] },
      },
      {
        name: "reads ~1 as / and ~0 as ~",
        operations: [
          { op: "add", path: "/node/a~1b", value: 1 },
          { op: "add", path: "/node/c~0d", value: 2 },
        ],
        node: { id: "umbra", cluster: "umbra", "a/b": 1, "c~d": 2 },
      },
      {
        name: "continues if a test succeeds, in any field order",
        operations: [
          { op: "test", path: "/node", value: { cluster: "umbra", id: "umbra" } },
          { op: "add", path: "/node/id", value: "tested" },
        ],
        node: { id: "tested", cluster: "umbra" },
      },
    ];
  test.each(cases)("$name", ({ operations, node }) => {
    expect(patchProblems(changed({ kind: "patch", operations }))).toEqual([]);
    expect(render({ kind: "patch", operations }).node).toEqual(node);
  });

  test.each<{ operation: PatchOperation; words: string }>([
    { operation: { op: "remove", path: "/nodes" }, words: "the bootstrap has no /nodes" },
    {
      operation: { op: "replace", path: "/node/x", value: 1 },
      words: "the bootstrap has no /node/x",
    },
    {
      operation: { op: "add", path: "/node/id/x", value: 1 },
      words: "is neither a map nor a list",
    },
    { operation: { op: "add", path: "node", value: 1 }, words: "must begin with /" },
    {
      operation: { op: "add", path: "/static_resources/clusters/99", value: {} },
      words: "the list has no index",
    },
    {
      operation: { op: "test", path: "/node/id", value: "x" },
      words: "differs from the tested value",
    },
    {
      operation: { op: "move", from: "/node", path: "/node/x" },
      words: "can't be moved into itself",
    },
    { operation: { op: "remove", path: "/__proto__" }, words: "the bootstrap has no /__proto__" },
    { operation: { op: "remove", path: "/constructor/prototype" }, words: "the bootstrap has no" },
  ])("reports why $operation can't be applied, and renders without it", ({ operation, words }) => {
    const change = { kind: "patch", operations: [operation] } as const;
    expect(patchProblems(changed(change))).toEqual([
      { index: 0, message: expect.stringContaining(words) },
    ]);
    expect(render(change)).toEqual(rendered);
  });

  test("is reported at the operation's place", () => {
    const text = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway}
spec: {listeners: [{name: http, port: 8080, protocol: HTTP}]}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata: {name: edge}
spec:
  bootstrap:
    type: JSONPatch
    jsonPatches:
      - {op: add, path: /node/id, value: edge}
      - {op: remove, path: /nodes}
`;
    const { diagnostics } = readTopology([{ name: "x.yaml", text }]);
    expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([
      expect.objectContaining({ code: "UMB0243", line: 14, column: 9 }),
    ]);
  });
});

const json = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<JsonValue>;
const hostileKey = fc.constantFrom(
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "node",
  "name",
);
const hostileMap = fc
  .dictionary(fc.oneof(hostileKey, fc.string({ maxLength: 5 })), json, { noNullPrototype: true })
  .map((fields) => JSON.parse(JSON.stringify(fields)) as Record<string, JsonValue>);
const pointer = fc
  .array(
    fc.oneof(hostileKey, fc.constantFrom("static_resources", "clusters", "0", "-", "~0", "")),
    {
      maxLength: 4,
    },
  )
  .map((steps) => steps.map((step) => `/${step}`).join(""));
const change: fc.Arbitrary<BootstrapChange> = fc.oneof(
  hostileMap.map((value) => ({ kind: "merge" as const, value })),
  hostileMap.map((value) => ({ kind: "replace" as const, value })),
  fc
    .array(
      fc.record({
        op: fc.constantFrom("add", "remove", "replace", "move", "copy", "test"),
        path: pointer,
        from: pointer,
        value: json,
      }),
      { maxLength: 4 },
    )
    .map((operations) => ({ kind: "patch" as const, operations })),
);

test("names of properties that every object has are keys like any other", () => {
  const value = { node: { toString: { caller: 7 } } };
  const rendered = renderBootstrap(changed({ kind: "merge", value }), {}, { hasComments: true });
  expect(rendered).toContain("  toString:\n    caller: 7\n");
});

test("rendering never throws and never changes a prototype or the topology, whatever the change", () => {
  const before = JSON.stringify(topology);
  fc.assert(
    fc.property(change, (each) => {
      renderBootstrap(changed(each), {}, { hasComments: true });
      expect(Object.keys(Object.prototype)).toEqual([]);
      expect(({} as Record<string, unknown>).polluted).toBeUndefined();
      expect(JSON.stringify(topology)).toBe(before);
    }),
    { numRuns: propertyRuns(25, 200) },
  );
});

test("keeps comments of Umbra's values and removes them where an EnvoyProxy changed the value", () => {
  const value = {
    overload_manager: { refresh_interval: "1s" },
    admin: { ignore_global_conn_limit: false },
  };
  const explained = renderBootstrap(changed({ kind: "merge", value }), {}, { hasComments: true });
  expect(explained).not.toContain(
    "Keeps the admin interface reachable when all connections are in use",
  );
  expect(explained).toContain("# Anyone who reaches the admin interface controls Envoy");
});
