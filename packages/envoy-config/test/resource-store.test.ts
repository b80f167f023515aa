import { describe, expect, test } from "@jest/globals";
import { createResourceStore, readTopology } from "@umbra/envoy-config";

const gateway =
  "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: gw}\nspec: {gatewayClassName: umbra, listeners: [{name: http, port: 8080, protocol: HTTP}]}\n";

const route = (path: string, name = "chat") =>
  `apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: ${name}}\nspec: {parentRefs: [{name: gw}], rules: [{matches: [{path: {value: ${path}}}], backendRefs: [{name: llama, port: 8000}]}]}\n`;

const service =
  'apiVersion: v1\nkind: Service\nmetadata: {name: llama, annotations: {umbra.dev/endpoints: "10.0.0.1:8000"}}\nspec: {ports: [{port: 8000}]}\n';

function storeOf(files: Readonly<Record<string, string>>) {
  const store = createResourceStore({ isLive: true });
  for (const [name, text] of Object.entries(files)) store.put({ name, text });
  return store;
}

const files = { "a.yaml": gateway, "b.yaml": route("/a"), "c.yaml": service };

function pathsOf(store: ReturnType<typeof storeOf>): readonly string[] {
  return store
    .resolve()
    .topology.listeners.flatMap(({ virtualHosts }) => virtualHosts)
    .flatMap(({ routes }) => routes)
    .map(({ match }) => match.path.value);
}

describe("createResourceStore", () => {
  test("means what readTopology means, in the order of the names", () => {
    const store = storeOf({ "c.yaml": service, "b.yaml": route("/a"), "a.yaml": gateway });
    const read = readTopology(Object.entries(files).map(([name, text]) => ({ name, text })));
    const { topology, diagnostics, objects, staleFiles, refusal } = store.resolve();
    expect(topology).toEqual(read.topology);
    expect(diagnostics).toEqual(read.diagnostics);
    expect({ objects, staleFiles, refusal }).toEqual({
      ...{ objects: 3, staleFiles: [], refusal: undefined },
    });
  });

  test("takes the new content of a file, and drops a file that is gone", () => {
    const store = storeOf(files);
    store.put({ name: "b.yaml", text: route("/b") });
    expect(pathsOf(store)).toEqual(["/b"]);
    store.remove("b.yaml");
    expect(pathsOf(store)).toEqual([]);
    expect(store.resolve().objects).toBe(2);
  });

  test.each([
    {
      name: "can't be parsed",
      text: `${route("/b")}---\nkind: [`,
      problem: /^invalid YAML: /,
      at: { line: 6, code: "UMB0101" },
    },
    {
      name: "is not UTF-8",
      text: Buffer.from([0x61, 0xff]),
      problem: /not valid UTF-8/,
      at: { line: 1, code: "UMB0110" },
    },
  ])("keeps the last good objects of a file that $name", ({ text, problem, at }) => {
    const store = storeOf(files);
    store.put({ name: "b.yaml", text });
    const { diagnostics, staleFiles } = store.resolve();
    expect(pathsOf(store)).toEqual(["/a"]);
    expect(staleFiles).toEqual([{ file: "b.yaml", problem: expect.stringMatching(problem) }]);
    expect(diagnostics).toEqual([expect.objectContaining({ ...at, file: "b.yaml" })]);
    store.put({ name: "b.yaml", text: route("/c") });
    expect(pathsOf(store)).toEqual(["/c"]);
    expect(store.resolve().staleFiles).toEqual([]);
  });

  test("takes nothing of a file that was never good, and the other files' changes", () => {
    const store = storeOf({ ...files, "d.yaml": `${route("/d", "other")}---\nkind: [` });
    store.put({ name: "b.yaml", text: route("/b") });
    expect(pathsOf(store)).toEqual(["/b"]);
    expect(store.resolve().staleFiles).toHaveLength(1);
  });

  test("keeps the objects of a file that can't be read", () => {
    const store = storeOf(files);
    store.keep("b.yaml", "EACCES: permission denied");
    expect(pathsOf(store)).toEqual(["/a"]);
    expect(store.resolve()).toMatchObject({
      diagnostics: [],
      staleFiles: [{ file: "b.yaml", problem: "EACCES: permission denied" }],
      refusal: undefined,
    });
  });

  test("shows no line that can't be parsed of a file with a Secret", () => {
    const secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  key: |\n";
    const { diagnostics } = storeOf({ "s.yaml": `${secret}---\nmy password: [\n` }).resolve();
    expect(JSON.stringify(diagnostics)).not.toContain("password");
    expect(diagnostics).toContainEqual(expect.objectContaining({ code: "UMB0101", line: 8 }));
  });

  test("finds the new place of an object below a change", () => {
    const bad = route("no-path", "bad");
    const store = storeOf({ ...files, "b.yaml": `${route("/a")}---\n${bad}` });
    const linesOf = () =>
      store.resolve().diagnostics.flatMap(({ code, line }) => (code === "UMB0104" ? line : []));
    expect(linesOf()).toEqual([9]);
    store.put({ name: "b.yaml", text: `# one\n# two\n${route("/b")}---\n${bad}` });
    expect(linesOf()).toEqual([11]);
    store.put({ name: "b.yaml", text: `# broken\n---\n${bad}---\nkind: [` });
    expect(linesOf()).toEqual([11]);
  });

  const selecting =
    "apiVersion: v1\nkind: Service\nmetadata: {name: llama}\nspec: {selector: {app: llama}, ports: [{port: 8000}]}\n";
  const pod = (status: string, ip = "10.0.0.1") =>
    `apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {app: llama}}\nspec: {}\nstatus: {podIP: ${ip}, conditions: [{type: Ready, status: "${status}"}]}\n`;
  const slice =
    "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: s, labels: {kubernetes.io/service-name: llama}}\nendpoints: []\n";

  test.each([
    { name: "a Pod that is not ready", more: pod("False"), options: {}, dns: false },
    { name: "a Pod with an error", more: pod("True", "none"), options: {}, dns: false },
    { name: "an empty EndpointSlice", more: slice, options: {}, dns: false },
    { name: "neither", more: "", options: {}, dns: true },
    { name: "neither, if all Pods are known", more: "", options: { hasAllPods: true }, dns: false },
  ])("leaves a Service without endpoints to DNS with $name: $dns", ({ more, options, dns }) => {
    const store = createResourceStore({ isLive: true, ...options });
    const all = { ...files, "c.yaml": selecting, "d.yaml": more };
    for (const [name, text] of Object.entries(all)) store.put({ name, text });
    const [pool] = store.resolve().topology.pools;
    expect(pool?.dns !== undefined).toBe(dns);
    expect(pool?.endpoints).toEqual([]);
    store.put({ name: "d.yaml", text: pod("True") });
    expect(store.resolve().topology.pools[0]).toMatchObject({ endpoints: ["10.0.0.1:8000"] });
  });
});
