import { describe, expect, test } from "@jest/globals";
import { createResourceStore, type Resolution, readTopology } from "@umbra/envoy-config";
import { backings } from "./backings.ts";

type Json = Readonly<Record<string, unknown>>;
type Folder = Readonly<Record<string, Json>>;

const gatewayApi = "gateway.networking.k8s.io";
const inference = "inference.networking.k8s.io";

function object(apiVersion: string, kind: string, name: string, spec: Json): Json {
  return { apiVersion, kind, metadata: { name }, spec };
}

const listener = (name: string, port: number) => ({ name, port, protocol: "HTTP" });
const prefix = (value: string) => ({ path: { type: "PathPrefix", value } });
const toPool = (name: string, more: Json = {}) => ({
  ...{ group: inference, kind: "InferencePool", name },
  ...more,
});
const mirrorTo = (name: string, more: Json = {}) => ({
  type: "RequestMirror",
  requestMirror: { backendRef: toPool(name), ...more },
});

const chatRule = { matches: [prefix("/a")], backendRefs: [toPool("llama")] };
const mirroredRule = {
  ...{ name: "mirrored", matches: [prefix("/m")], backendRefs: [toPool("llama")] },
  filters: [mirrorTo("shadow")],
};

function route(name: string, rules: readonly Json[], more: Json = {}): Json {
  return object(`${gatewayApi}/v1`, "HTTPRoute", name, {
    parentRefs: [{ name: "gw" }],
    ...{ rules, ...more },
  });
}

function pool(name: string, ip: string, more: Json = {}): Json {
  const read = object(`${inference}/v1`, "InferencePool", name, {
    selector: { matchLabels: { app: name } },
    ...{ targetPorts: [{ number: 8000 }], ...more },
  });
  const annotations = { "umbra.dev/endpoints": `${ip}:8000` };
  return { ...read, metadata: { name, annotations } };
}

const gateway = (...listeners: readonly Json[]) =>
  object(`${gatewayApi}/v1`, "Gateway", "gw", { gatewayClassName: "umbra", listeners });

const policy = (spec: Json) => object("umbra.dev/v1alpha1", "ShadowPolicy", "policy", spec);
const tlsPolicy = (spec: Json) => object(`${gatewayApi}/v1`, "BackendTLSPolicy", "tls", spec);

/** Everything that a fault must not touch. */
const good: Folder = {
  gateway: gateway(listener("http", 8080)),
  chat: route("chat", [chatRule]),
  mirrored: route("mirrored", [mirroredRule]),
  llama: pool("llama", "10.0.0.1"),
  shadow: pool("shadow", "10.0.0.2"),
};

type Put = (typeof backings)[number]["put"];

const resolveBy =
  (put: Put) =>
  (folder: Folder): Resolution => {
    const store = createResourceStore({ isLive: true });
    for (const [name, each] of Object.entries(folder)) put(store, name, each);
    return store.resolve();
  };

function routesOf({ topology }: Resolution) {
  return topology.listeners.flatMap(({ virtualHosts }) =>
    virtualHosts.flatMap(({ routes }) => routes),
  );
}

/** What a client gets: the match of each route, with the pools of its backends or 500, and its mirrors. */
function answersOf(resolution: Resolution): readonly string[] {
  return routesOf(resolution).map(({ match, action, mirrors }) => {
    const backends = action.kind === "forward" ? action.backends : [];
    const shares = backends.map((each) => (each.kind === "pool" ? each.pool : "500"));
    return `${match.path.value} ${shares.join("+")}${mirrors.length > 0 ? " mirrored" : ""}`;
  });
}

function errorsOf({ diagnostics }: Pick<Resolution, "diagnostics">): number {
  return diagnostics.filter(({ severity }) => severity === "error").length;
}

/** A fault in its own object, and the folder that means the same without it. */
const same: readonly {
  readonly fault: string;
  readonly folder: Folder;
  readonly as: Folder;
}[] = [
  {
    fault: "a match of a rule",
    folder: {
      ...good,
      chat: route("chat", [chatRule, { ...chatRule, matches: [prefix("/b"), prefix("c")] }]),
    },
    as: good,
  },
  {
    fault: "a match with a bad expression",
    folder: {
      ...good,
      chat: route("chat", [
        chatRule,
        {
          ...chatRule,
          matches: [{ headers: [{ type: "RegularExpression", name: "x", value: "(" }] }],
        },
      ]),
    },
    as: good,
  },
  {
    fault: "a list of matches",
    folder: { ...good, chat: route("chat", [chatRule, { ...chatRule, matches: "/b" }]) },
    as: good,
  },
  {
    fault: "the hostnames of a route",
    folder: { ...good, bad: route("bad", [chatRule], { hostnames: ["ok.example", "-"] }) },
    as: good,
  },
  {
    fault: "the metadata of a route",
    folder: {
      ...good,
      bad: { ...route("bad", [chatRule]), metadata: { name: "bad", creationTimestamp: 7 } },
    },
    as: good,
  },
  {
    fault: "a parentRef",
    folder: {
      ...good,
      chat: route("chat", [chatRule], {
        parentRefs: [{ name: "gw" }, { name: "gw", sectionName: 7 }],
      }),
    },
    as: good,
  },
  {
    fault: "a mirror filter",
    folder: {
      ...good,
      mirrored: route("mirrored", [
        { ...mirroredRule, filters: [mirrorTo("shadow"), mirrorTo("llama", { percent: 200 })] },
      ]),
    },
    as: good,
  },
  {
    fault: "a mirror filter without a backend",
    folder: {
      ...good,
      mirrored: route("mirrored", [
        { ...mirroredRule, filters: [mirrorTo("shadow"), { type: "RequestMirror" }] },
      ]),
    },
    as: good,
  },
  {
    fault: "a listener",
    folder: {
      ...good,
      gateway: gateway(listener("http", 8080), { ...listener("b", 80), hostname: "_" }),
    },
    as: good,
  },
  {
    fault: "a listener that conflicts with an earlier one",
    folder: { ...good, gateway: gateway(listener("http", 8080), listener("b", 8080)) },
    as: good,
  },
  {
    fault: "a Gateway",
    folder: {
      ...good,
      other: {
        ...object(`${gatewayApi}/v1`, "Gateway", "other", { listeners: [listener("other", 81)] }),
        metadata: { name: "other", creationTimestamp: 7 },
      },
    },
    as: { ...good },
  },
  {
    fault: "a protection that Umbra does not enforce",
    folder: {
      ...good,
      keys: object("kuadrant.io/v1", "AuthPolicy", "keys", {
        targetRef: { group: inference, kind: "InferencePool", name: "llama" },
      }),
    },
    as: good,
  },
  {
    fault: "a ShadowPolicy",
    folder: {
      ...good,
      policy: policy({
        targetRefs: [{ group: gatewayApi, kind: "HTTPRoute", name: "mirrored" }],
        sampling: { percent: 101 },
      }),
    },
    as: { ...good, mirrored: route("mirrored", [{ ...mirroredRule, filters: [] }]) },
  },
  {
    fault: "a target of a ShadowPolicy",
    folder: { ...good, policy: policy({ targetRefs: [{ kind: "HTTPRoute", name: 7 }] }) },
    as: good,
  },
  {
    fault: "a candidate of a ShadowPolicy that no mirror has",
    folder: {
      ...good,
      policy: policy({
        targetRefs: [{ kind: "HTTPRoute", name: "mirrored" }],
        candidates: [{ backendRef: { kind: "InferencePool", name: "lost" } }],
      }),
    },
    as: { ...good, mirrored: route("mirrored", [{ ...mirroredRule, filters: [] }]) },
  },
  {
    fault: "a backend TLS policy of a shadow",
    folder: {
      ...good,
      tls: tlsPolicy({
        targetRefs: [{ group: inference, kind: "InferencePool", name: "shadow" }],
        validation: {
          hostname: "shadow.example",
          caCertificateRefs: [{ group: "", kind: "ConfigMap", name: "lost" }],
        },
      }),
    },
    as: Object.fromEntries(Object.entries(good).filter(([name]) => name !== "shadow")),
  },
  {
    fault: "an EndpointPickerConfig",
    folder: {
      ...good,
      config: {
        apiVersion: "llm-d.ai/v1alpha1",
        kind: "EndpointPickerConfig",
        metadata: { name: "lost" },
      },
    },
    as: good,
  },
  {
    fault: "a Secret",
    folder: {
      ...good,
      secret: { apiVersion: "v1", kind: "Secret", metadata: { name: "s" }, data: [] },
    },
    as: good,
  },
  {
    fault: "a document without a kind",
    folder: { ...good, bad: { apiVersion: "v1", metadata: { name: "x" } } },
    as: good,
  },
  {
    fault: "a ReferenceGrant's name",
    folder: {
      ...good,
      grant: object(`${gatewayApi}/v1beta1`, "ReferenceGrant", "g", {
        from: [{ group: gatewayApi, kind: "HTTPRoute", namespace: "other" }],
        to: [{ group: inference, kind: "InferencePool", name: 7 }],
      }),
      other: {
        ...route("other", [
          { ...chatRule, backendRefs: [toPool("llama", { namespace: "default" })] },
        ]),
        metadata: { name: "other", namespace: "other" },
      },
    },
    as: {
      ...good,
      other: {
        ...route("other", [
          { ...chatRule, backendRefs: [toPool("llama", { namespace: "default" })] },
        ]),
        metadata: { name: "other", namespace: "other" },
      },
    },
  },
];

describe.each(backings)("an error among good objects of $backing", ({ put }) => {
  const resolve = resolveBy(put);

  test.each(same)("in $fault costs nothing else", ({ folder, as }) => {
    const found = resolve(folder);
    expect(errorsOf(found)).toBeGreaterThan(0);
    expect(found.refusal).toBeUndefined();
    expect(found.topology).toEqual(resolve(as).topology);
    const files = Object.entries(folder).map(([name, each]) => ({
      ...{ name: `${name}.yaml`, text: JSON.stringify(each) },
    }));
    expect(errorsOf(readTopology(files))).toBeGreaterThan(0);
  });

  test.each([
    { fault: "a timeout", rule: { timeouts: { request: "soon" } } },
    { fault: "a filter", rule: { filters: [{ type: "ExtensionRef", extensionRef: {} }] } },
    { fault: "a retry", rule: { retry: { attempts: "many" } } },
  ])("in $fault of a rule lets that rule answer 500", ({ rule }) => {
    const bad = { ...chatRule, ...rule, matches: [prefix("/b")] };
    const found = resolve({ ...good, chat: route("chat", [chatRule, bad]) });
    expect(answersOf(found)).toEqual(["/a default/llama", "/b 500", "/m default/llama mirrored"]);
    const { topology } = resolve({ ...good, chat: route("chat", [chatRule]) });
    expect(found.topology.pools).toEqual(topology.pools);
    expect(found.refusal).toBeUndefined();
  });

  test.each([
    { fault: "a port", ref: { kind: "Service", name: "llama" } },
    { fault: "a name", ref: { kind: "Service", port: 80 } },
    { fault: "a filter", ref: toPool("llama", { filters: [{ type: "CORS", cors: {} }] }) },
  ])("in $fault of a backendRef lets its share answer 500", ({ ref }) => {
    const split = {
      ...chatRule,
      backendRefs: [toPool("llama", { weight: 3 }), { ...ref, weight: 1 }],
    };
    const found = resolve({ ...good, chat: route("chat", [split]) });
    expect(answersOf(found)[0]).toBe("/a default/llama+500");
    const [first] = routesOf(found);
    expect(first?.action).toMatchObject({ backends: [{ weight: 3 }, { weight: 1 }] });
  });

  test.each([
    {
      fault: "an InferencePool",
      llama: pool("llama", "10.0.0.1", { targetPorts: [{ number: 0 }] }),
    },
    {
      fault: "the CA of a BackendTLSPolicy",
      tls: tlsPolicy({
        targetRefs: [{ group: inference, kind: "InferencePool", name: "llama" }],
        validation: { hostname: "llama.example" },
      }),
    },
  ])("in $fault lets its share answer 500, and no request reaches it", ({ fault, ...changed }) => {
    const found = resolve({ ...good, ...changed });
    expect(answersOf(found)).toEqual(["/a 500", "/m 500 mirrored"]);
    expect(found.topology.pools.map(({ name }) => name)).toEqual(["default/shadow"]);
    expect({ fault, refusal: found.refusal }).toEqual({ fault, refusal: undefined });
  });

  test("in an InferenceModel keeps its name, without its targets", () => {
    const model = object("inference.networking.x-k8s.io/v1alpha2", "InferenceModel", "m", {
      modelName: "chat",
      poolRef: { name: "llama" },
      targetModels: [{ name: "a", weight: "x" }],
    });
    const [llama] = resolve({ ...good, model }).topology.pools;
    expect(llama).toMatchObject({
      ...{ name: "default/llama", rewrites: [] },
      models: [{ name: "chat", criticality: "Standard" }],
    });
  });

  test("in an InferenceObjective keeps its name", () => {
    const objective = object("inference.networking.x-k8s.io/v1alpha2", "InferenceObjective", "o", {
      poolRef: { name: "llama" },
      priority: "high",
    });
    const [llama] = resolve({ ...good, objective }).topology.pools;
    expect(llama?.objectives).toEqual([{ name: "o", priority: 0 }]);
  });

  test.each([
    {
      fault: "an EnvoySettings",
      of: object("umbra.dev/v1alpha1", "EnvoySettings", "s", { maxBody: "large" }),
    },
    {
      fault: "the memory that settings ask for",
      of: object("umbra.dev/v1alpha1", "EnvoySettings", "s", { sidecarMemory: "1Mi" }),
    },
    {
      fault: "an EnvoyProxy",
      of: object("gateway.envoyproxy.io/v1alpha1", "EnvoyProxy", "p", {
        bootstrap: { type: "Merge", value: "[" },
      }),
    },
  ])("in $fault refuses the whole", ({ of }) => {
    expect(resolve({ ...good, of }).refusal).toEqual(expect.any(String));
  });
});

describe("an error in a folder of good objects", () => {
  test("in a second object of the same name costs nothing else", () => {
    const resolve = resolveBy(backings[0]?.put ?? (() => undefined));
    const found = resolve({
      ...{ ...good, zzz: route("chat", [{ ...chatRule, matches: [prefix("/z")] }]) },
    });
    expect(errorsOf(found)).toBe(1);
    expect(found.topology).toEqual(resolve(good).topology);
  });

  test("about a flag that names nothing costs nothing while files may come", () => {
    const store = createResourceStore({
      ...{ isLive: true, endpoints: new Map([["later", ["10.0.0.1:8000"]]]) },
    });
    expect(store.resolve()).toMatchObject({ refusal: undefined, topology: { pools: [] } });
    expect(errorsOf(store.resolve())).toBe(0);
  });

  test("in an invalid key counts for the part that has it, also through an alias", () => {
    const rules = `
    - &bad
      matches: [{path: {value: /b}}]
      name: twice
      name: twice
    - matches: [{path: {value: /c}}]
      backendRefs: [{group: ${inference}, kind: InferencePool, name: llama}]`;
    const text = `apiVersion: ${gatewayApi}/v1\nkind: HTTPRoute\nmetadata: {name: chat}\nspec:\n  parentRefs: [{name: gw}]\n  rules:${rules}\n`;
    const store = createResourceStore({ isLive: true });
    for (const [name, each] of Object.entries(good)) {
      store.put({ name: `${name}.yaml`, text: JSON.stringify(each) });
    }
    store.put({ name: "chat.yaml", text });
    expect(answersOf(store.resolve())).toEqual([
      ...["/b 500", "/c default/llama", "/m default/llama mirrored"],
    ]);
  });
});
