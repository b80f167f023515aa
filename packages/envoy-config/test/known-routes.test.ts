import { describe, expect, test } from "@jest/globals";
import { createResourceStore, type JsonObject } from "@umbra/envoy-config";
import { dataOf } from "./resolved-data.ts";

type Json = Readonly<Record<string, unknown>>;

const gatewayApi = "gateway.networking.k8s.io";
const inference = "inference.networking.k8s.io";

function object(apiVersion: string, kind: string, name: string, spec: Json): JsonObject {
  return { apiVersion, kind, metadata: { name, namespace: "default" }, spec };
}

function pool(name: string, annotations: Json = {}, port = 8000): JsonObject {
  const made = object(`${inference}/v1`, "InferencePool", name, {
    selector: { matchLabels: { app: name } },
    targetPorts: [{ number: port }],
  });
  const all = { "umbra.dev/endpoints": "10.0.0.1:8000", ...annotations };
  return { ...made, metadata: { name, namespace: "default", annotations: all } };
}

const toPool = (name: string, more: Json = {}) => ({
  ...{ group: inference, kind: "InferencePool", name },
  ...more,
});

const gateway = (port: number, hostname = "*.example") =>
  object(`${gatewayApi}/v1`, "Gateway", "gw", {
    listeners: [{ name: "http", port, protocol: "HTTP", hostname }],
  });

const rules = [
  {
    name: "mirrored",
    matches: [{ path: { type: "PathPrefix", value: "/m" } }],
    backendRefs: [toPool("llama")],
    filters: [{ type: "RequestMirror", requestMirror: { backendRef: toPool("shadow") } }],
  },
  {
    matches: [{ path: { type: "PathPrefix", value: "/far" } }],
    backendRefs: [toPool("far", { namespace: "other" })],
  },
  {
    matches: [{ path: { type: "PathPrefix", value: "/s" } }],
    backendRefs: [{ name: "service", port: 80 }],
    sessionPersistence: { sessionName: "s", type: "Cookie" },
  },
  {
    matches: [{ path: { type: "PathPrefix", value: "/to" } }],
    filters: [{ type: "RequestRedirect", requestRedirect: { statusCode: 302, hostname: "x.y" } }],
  },
];

const route = object(`${gatewayApi}/v1`, "HTTPRoute", "chat", {
  ...{ parentRefs: [{ name: "gw" }], hostnames: ["a.example"], rules },
});

const policy = (spec: Json) =>
  object("umbra.dev/v1alpha1", "ShadowPolicy", "policy", {
    targetRefs: [{ group: gatewayApi, kind: "HTTPRoute", name: "chat" }],
    ...spec,
  });

const service = (ports: readonly number[]) => {
  const made = object("v1", "Service", "service", { ports: ports.map((port) => ({ port })) });
  const annotations = { "umbra.dev/endpoints": "10.0.0.9:80" };
  return { ...made, metadata: { name: "service", namespace: "default", annotations } };
};

const far = { ...pool("far"), metadata: { name: "far", namespace: "other" } };
const grant = {
  ...object(`${gatewayApi}/v1beta1`, "ReferenceGrant", "grant", {
    from: [{ group: gatewayApi, kind: "HTTPRoute", namespace: "default" }],
    to: [{ group: inference, kind: "InferencePool" }],
  }),
  metadata: { name: "grant", namespace: "other" },
};

/** All that the route may refer to. */
const all = {
  ...{ route, grant, far, gateway: gateway(8080), service: service([80]) },
  ...{ llama: pool("llama"), shadow: pool("shadow") },
};

type Objects = Readonly<Record<string, JsonObject | undefined>>;

function storeOf(objects: Objects) {
  const store = createResourceStore({ isLive: true });
  for (const each of Object.values(objects)) if (each !== undefined) store.putObject(each);
  return store;
}

function idOf({ apiVersion, kind, metadata }: JsonObject) {
  const { name, namespace } = metadata as Readonly<Record<"name" | "namespace", string>>;
  return { apiVersion: String(apiVersion), kind: String(kind), namespace, name };
}

const keep = { "umbra.dev/mirror-credentials": "keep" };
const settings = object("umbra.dev/v1alpha1", "EnvoySettings", "s", { shadowTimeout: "77s" });

describe("a route that has not changed is resolved again when", () => {
  test.each<{ readonly change: string; readonly to: Objects }>([
    { change: "its pool is gone", to: { llama: undefined } },
    { change: "its pool has an error", to: { llama: pool("llama", {}, 0) } },
    { change: "its mirror's pool is gone", to: { shadow: undefined } },
    { change: "its mirror's pool keeps credentials", to: { shadow: pool("shadow", keep) } },
    { change: "a ReferenceGrant is gone", to: { grant: undefined } },
    { change: "its Service has another port", to: { service: service([81]) } },
    { change: "a ShadowPolicy comes", to: { policy: policy({ sampling: { percent: 5 } }) } },
    { change: "a ShadowPolicy with an error comes", to: { policy: policy({ sampling: 5 }) } },
    { change: "the timeout of twins changes", to: { settings } },
    { change: "its listener has another port", to: { gateway: gateway(8081) } },
    { change: "its listener has another hostname", to: { gateway: gateway(8080, "*.y") } },
    { change: "its listener is gone", to: { gateway: undefined } },
  ])("$change, and when that is undone", ({ to }) => {
    const store = storeOf(all);
    const before = store.resolve();
    const apply = (objects: Objects, earlier: Objects) => {
      for (const [name, each] of Object.entries(objects)) {
        const old = earlier[name];
        if (each !== undefined) store.putObject(each);
        else if (old !== undefined) store.removeObject(idOf(old));
      }
    };
    apply(to, all);
    const after = store.resolve();
    expect(dataOf(after)).toEqual(dataOf(storeOf({ ...all, ...to }).resolve()));
    expect(after.topology).not.toEqual(before.topology);
    const undone = Object.keys(to).map((name) => [name, (all as Objects)[name]] as const);
    apply(Object.fromEntries(undone), to);
    expect(dataOf(store.resolve())).toEqual(dataOf(before));
  });

  test("nothing else: it is the same object", () => {
    const store = storeOf(all);
    const { topology } = store.resolve();
    store.putObject(pool("llama", { "umbra.dev/endpoints": "10.0.0.7:8000" }));
    const after = store.resolve().topology;
    expect(after.listeners[0]).toBe(topology.listeners[0]);
    expect(after.pools).not.toEqual(topology.pools);
  });
});
