import { describe, expect, test } from "@jest/globals";
import { changesBetween, placeOf, placesIn } from "@umbra/control/internal";
import { readTopology, type Topology } from "@umbra/envoy-config";
import { gateway, pods, pool, route } from "./fixtures.ts";

function topologyOf(...texts: readonly string[]): Topology {
  const { topology, diagnostics } = readTopology([
    { name: "a.yaml", text: [gateway, ...texts].join("---") },
  ]);
  expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
  return topology;
}

const mirror = (percent: number) => `      filters:
        - type: RequestMirror
          requestMirror:
            percent: ${percent}
            backendRef: { group: inference.networking.k8s.io, kind: InferencePool, name: shadow }
`;
const settings = (maxBody: string) => `
apiVersion: umbra.dev/v1alpha1
kind: EnvoySettings
metadata: { name: limits }
spec: { maxBody: ${maxBody} }
`;
const llama = pool(["10.0.0.1:8000"]);
const shadow = pool(["10.0.0.9:8000"], "shadow");

describe("changesBetween", () => {
  test.each([
    { name: "nothing", before: [llama, route()], after: [llama, route()], want: [] },
    {
      name: "a mirror's share",
      before: [llama, shadow, route({ rest: mirror(10) })],
      after: [llama, shadow, route({ rest: mirror(25) })],
      want: ["route default/chat: percent 10 → 25"],
    },
    {
      name: "endpoints",
      before: [pool(["10.0.0.1:8000", "10.0.0.2:8000"]), route()],
      after: [pool(["10.0.0.2:8000", "10.0.0.3:8000", "10.0.0.4:8000"]), route()],
      want: ["pool default/llama: 2 endpoints added, 1 endpoint removed"],
    },
    {
      name: "endpoints that begin to leave, and that are gone",
      before: [pods({ "10.0.0.1": "ready", "10.0.0.2": "ready", "10.0.0.3": "leaving" }), route()],
      after: [pods({ "10.0.0.1": "ready", "10.0.0.2": "leaving" }), route()],
      want: ["pool default/llama: 1 endpoint draining, 1 endpoint removed"],
    },
    {
      name: "a new route and pool",
      before: [llama, route()],
      after: [llama, shadow, route(), route({ name: "other", path: "/other", pool: "shadow" })],
      want: ["route default/other: added", "pool default/shadow: added with 1 endpoint"],
    },
    {
      name: "a route to another pool",
      before: [llama, shadow, route()],
      after: [llama, shadow, route({ pool: "shadow" })],
      want: ["route default/chat: backendRefs changed"],
    },
    {
      name: "a timeout",
      before: [llama, route()],
      after: [llama, route({ rest: "      timeouts: { request: 30s }\n" })],
      want: ["route default/chat: timeoutMs none → 30000"],
    },
    {
      name: "a setting",
      before: [llama, route(), settings("8Mi")],
      after: [llama, route(), settings("16Mi")],
      want: ["setting maxBodyBytes: 8388608 → 16777216"],
    },
  ])("$name", ({ before, after, want }) => {
    expect(changesBetween(topologyOf(...before), topologyOf(...after))).toEqual(want);
  });

  test("an endpoint that begins to leave", () => {
    const before = topologyOf(pool(["10.0.0.1:8000", "10.0.0.2:8000"]), route());
    const [after] = topologyOf(llama, route()).pools;
    const pools = after === undefined ? [] : [{ ...after, drainingEndpoints: ["10.0.0.2:8000"] }];
    expect(changesBetween(before, { ...before, pools })).toEqual([
      "pool default/llama: 1 endpoint draining",
    ]);
  });

  test("lists at most 20 changes, and counts the others", () => {
    const many = Array.from({ length: 30 }, (_, at) => route({ name: `r${at}`, path: `/p${at}` }));
    const changes = changesBetween(topologyOf(llama, route()), topologyOf(llama, route(), ...many));
    expect(changes).toHaveLength(21);
    expect(changes.at(-1)).toBe("and 10 more changes");
  });
});

describe("placeOf", () => {
  const files = [
    { name: "a.yaml", text: `${gateway}---${route()}` },
    { name: "b.json", text: '{\n  "kind": "HTTPRoute",\n  "metadata": { "name": "json" }\n}' },
    {
      name: "c.yaml",
      text: "kind: HTTPRoute\nmetadata:\n  name: chat\n  namespace: other\n",
    },
  ];

  test.each([
    { name: "chat", namespace: "default", want: { file: "a.yaml", line: 10, column: 1 } },
    { name: "chat", namespace: "other", want: { file: "c.yaml", line: 1, column: 1 } },
    { name: "missing", namespace: "default", want: { file: "a.yaml", line: 1, column: 1 } },
  ])("of HTTPRoute $namespace/$name", ({ name, namespace, want }) => {
    expect(placeOf({ resource: { kind: "HTTPRoute", namespace, name } }, files)).toEqual(want);
  });

  test("many empty lines take no time that grows with their square", () => {
    const text = `metadata:${"\n".repeat(100_000)}name: other\n`;
    const resource = { kind: "HTTPRoute", namespace: "default", name: "chat" };
    const startedMs = performance.now();
    expect(placeOf({ resource }, [{ name: "a.yaml", text }])).toMatchObject({ line: 1 });
    expect(performance.now() - startedMs).toBeLessThan(5_000);
  }, 60_000);

  test("at most 100 are sought for one configuration", () => {
    let reads = 0;
    const file = {
      name: "a.yaml",
      get text() {
        reads++;
        return "\nfound";
      },
    };
    const find = placesIn(new Map([["a.yaml", file]]));
    const lines = Array.from({ length: 150 }, () => find({ text: "found" }).line);
    expect(lines).toEqual([...Array(100).fill(2), ...Array(50).fill(1)]);
    expect(reads).toBe(100);
  });
});
