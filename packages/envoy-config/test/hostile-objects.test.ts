import { describe, expect, test } from "@jest/globals";
import { createResourceStore, formatDiagnostic, type JsonObject } from "@umbra/envoy-config";

const gatewayApi = "gateway.networking.k8s.io/v1";

function gateway(): JsonObject {
  return {
    ...{ apiVersion: gatewayApi, kind: "Gateway", metadata: { name: "gw", namespace: "default" } },
    spec: {
      gatewayClassName: "umbra",
      listeners: [{ name: "http", port: 8080, protocol: "HTTP" }],
    },
  };
}

/** A route, with other metadata and fields of its first rule. */
function route(metadata: JsonObject = {}, rule: JsonObject = {}): JsonObject {
  return {
    ...{ apiVersion: gatewayApi, kind: "HTTPRoute" },
    metadata: { name: "chat", namespace: "default", ...metadata },
    spec: {
      parentRefs: [{ name: "gw" }],
      rules: [{ filters: [{ type: "RequestRedirect", requestRedirect: { port: 81 } }], ...rule }],
    },
  };
}

/** As decoded from the API server's answer: `__proto__` is a field of its own. */
function decoded(text: string): JsonObject {
  return JSON.parse(text) as JsonObject;
}

function read(...objects: readonly JsonObject[]) {
  const store = createResourceStore({ isLive: true, hasAllPods: true });
  for (const each of [gateway(), ...objects]) store.putObject(each);
  const { topology, diagnostics } = store.resolve();
  const routes = topology.listeners.flatMap(({ virtualHosts }) =>
    virtualHosts.flatMap((host) => host.routes.map(({ name }) => name)),
  );
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  return { routes, errors, all: diagnostics };
}

/** A list inside a list, and so on. */
function nested(depth: number): unknown {
  let value: unknown = "deep";
  for (let at = 0; at < depth; at++) value = [value];
  return value;
}

const servesChat = ["default/chat/0/0"];

describe("an object of an API server", () => {
  test.each([
    {
      name: "labels with a field `__proto__`",
      object: decoded(JSON.stringify(route({ labels: { a: "b" } })).replace('"a"', '"__proto__"')),
      path: "metadata.labels.__proto__",
      code: "UMB0110",
    },
    {
      name: "a number for a name of a match",
      object: route({}, { matches: [{ headers: [{ name: 7, value: "a" }] }] }),
      path: "spec.rules[0].matches[0].headers[0].name",
      code: "UMB0104",
    },
    {
      name: "a list for its spec",
      object: { ...route(), spec: [] },
      path: "spec",
      code: "UMB0104",
    },
    {
      name: "no metadata",
      object: { ...route(), metadata: undefined },
      path: "",
      code: "UMB0103",
    },
    {
      name: "a name of 254 characters",
      object: route({ name: `${"a".repeat(63)}.`.repeat(3) + "b".repeat(62) }),
      path: "metadata.name",
      code: "UMB0104",
    },
    {
      name: "a hostname with a line break",
      object: { ...route(), spec: { hostnames: ["a\nb"], parentRefs: [{ name: "gw" }] } },
      path: "spec.hostnames[0]",
      code: "UMB0110",
    },
    {
      name: "101 levels of nesting",
      object: { ...route(), status: nested(101) },
      path: "",
      code: "UMB0108",
    },
  ])("with $name has one finding at its path, and is not served", ({ object, path, code }) => {
    const { routes, errors } = read(object);
    expect(errors).toEqual([
      expect.objectContaining({ code, path, line: 1, column: 1, file: expect.any(String) }),
    ]);
    expect(routes).toEqual([]);
  });

  test.each([
    { name: "an annotation of 1 MB", metadata: { annotations: { a: "x".repeat(1_000_000) } } },
    { name: "a label `constructor`", metadata: { labels: { constructor: "x", toString: "y" } } },
    { name: "fields of null", metadata: { labels: null, annotations: null } },
  ])("with $name is served", ({ metadata }) => {
    const { routes, errors } = read(route({ ...metadata, name: "chat" }));
    expect(errors).toEqual([]);
    expect(routes).toEqual(servesChat);
  });

  test("with a name of 253 characters is served", () => {
    const name = `${`${"a".repeat(63)}.`.repeat(3)}${"b".repeat(61)}`;
    const { routes, errors } = read(route({ name }));
    expect({ errors, length: name.length }).toEqual({ errors: [], length: 253 });
    expect(routes).toEqual([`default/${name}/0/0`]);
  });

  test.each([
    { object: {}, title: "? ?" },
    { object: { kind: 7, metadata: { name: [], namespace: "a" } }, title: "? a/?" },
    { object: { kind: "k".repeat(1_000), metadata: 7 }, title: `${"k".repeat(253)}… ?` },
  ])("that is no object of an API server has findings, of $title", ({ object, title }) => {
    const { routes, errors } = read(route(), object);
    expect(new Set(errors.map(({ file }) => file))).toEqual(new Set([title]));
    expect(routes).toEqual(servesChat);
  });

  test("that refers to itself ends", () => {
    const object: Record<string, unknown> = { ...route() };
    object.status = { object };
    expect(read(object).errors.map(({ code }) => code)).toEqual(["UMB0108"]);
  });

  test("does not change what other objects inherit", () => {
    read(decoded('{"__proto__": {"isBroken": true}, "kind": "__proto__", "metadata": {}}'));
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect("isBroken" in {}).toBe(false);
  });

  test("never shows a Secret's content", () => {
    const secret = {
      ...{ apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace: "default" } },
      data: { "tls.crt": "hunter2", more: ["hunter2"] },
    };
    const { all } = read(secret, { ...secret, data: "hunter2" });
    expect(all.length).toBeGreaterThan(0);
    expect(JSON.stringify(all)).not.toContain("hunter2");
  });

  test("has its title and path in the text of a finding", () => {
    const { errors } = read(route({ annotations: { "a b": "\n" } }, { name: 7 }));
    expect(errors.map((each) => formatDiagnostic(each).split("\n")[0])).toEqual([
      "HTTPRoute default/chat: spec.rules[0].name error UMB0104 `name` must be a string",
    ]);
  });

  test("with a bootstrap that can't be parsed has the place in that text", () => {
    const proxy = {
      ...{ apiVersion: "gateway.envoyproxy.io/v1alpha1", kind: "EnvoyProxy" },
      metadata: { name: "p", namespace: "default" },
      spec: { bootstrap: { type: "Merge", value: "admin:\n  address: [\n" } },
    };
    const [found] = read(proxy).errors;
    expect(found).toMatchObject({ code: "UMB0101", path: "spec.bootstrap.value", line: 3 });
  });
});
