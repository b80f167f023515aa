import { describe, expect, test } from "@jest/globals";
import {
  type DynamicResources,
  readTopology,
  renderBootstrap,
  renderResources,
  type TopologyOptions,
} from "@umbra/envoy-config";

const gateway = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway}
spec: {gatewayClassName: umbra, listeners: [{name: http, port: 8080, protocol: HTTP}]}
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: llama, annotations: {umbra.dev/endpoints: "10.0.0.1:8000"}}
spec: {selector: {matchLabels: {app: llama}}, targetPorts: [{number: 8000}]}
---
apiVersion: v1
kind: Service
metadata: {name: shadow, annotations: {umbra.dev/endpoints: "10.0.0.2:8000"}}
spec: {ports: [{port: 80}]}
---
`;
const backend = "{group: inference.networking.k8s.io, kind: InferencePool, name: llama}";
const route = (rule: string) => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route}
spec:
  parentRefs: [{name: gateway}]
  rules:
    - backendRefs: [${backend}]
      ${rule}
`;
const mirrored = route(
  "filters: [{type: RequestMirror, requestMirror: {backendRef: {name: shadow, port: 80}}}]",
);

function topologyOf(text: string, options: TopologyOptions = {}) {
  const read = readTopology([{ name: "resources.yaml", text: gateway + text }], options);
  expect(read.diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
  return read.topology;
}

const resourcesOf = (text: string, options: TopologyOptions = {}): DynamicResources =>
  renderResources(topologyOf(text, options));

/** The filters of a listener's first chain. */
function filtersOf(
  { lds }: DynamicResources,
  listener: string,
): readonly Readonly<Record<string, unknown>>[] {
  const { filter_chains: chains } = lds.get(listener) as unknown as {
    filter_chains: { filters: { typed_config: { http_filters: Record<string, unknown>[] } }[] }[];
  };
  return chains[0]?.filters[0]?.typed_config.http_filters ?? [];
}

const all = [
  ...["umbra.underscores", "envoy.filters.http.cors", "umbra.pick", "umbra.unrefused-underscores"],
  ...["umbra.external-pick", "umbra.observe", "umbra.session"],
];

describe("the HTTP filters of a listener that may change", () => {
  test("are all there, come by ECDS, and are off where a route turns them on", () => {
    const resources = resourcesOf(route(""));
    const filters = filtersOf(resources, "0.0.0.0:8080");
    expect(filters.map(({ name }) => name)).toEqual([...all, "envoy.filters.http.router"]);
    const given = filters.filter((each) => "config_discovery" in each);
    expect(given.map(({ name }) => name)).toEqual(all);
    expect([...resources.ecds.keys()]).toEqual(all);
    expect(filters.filter(({ disabled }) => disabled === true).map(({ name }) => name)).toEqual([
      ...["envoy.filters.http.cors", "umbra.pick", "umbra.external-pick"],
      ...["umbra.observe", "umbra.session"],
    ]);
  });

  test.each([
    {
      name: "CORS",
      to: route("filters: [{type: CORS, cors: {allowOrigins: ['https://a.example']}}]"),
    },
    {
      name: "a session",
      to: route("sessionPersistence: {sessionName: s, type: Cookie}").replace(
        backend,
        "{name: shadow, port: 80}",
      ),
    },
    {
      name: "a header with an underscore",
      to: route("matches: [{headers: [{name: x_a, value: b}]}]"),
    },
    { name: "a mirror", to: mirrored },
  ])("a route that gets $name changes no listener", ({ to }) => {
    const [before, after] = [resourcesOf(route("")), resourcesOf(to)];
    expect(after.lds.get("0.0.0.0:8080")).toEqual(before.lds.get("0.0.0.0:8080"));
    expect(after.rds.get("0.0.0.0:8080")).not.toEqual(before.rds.get("0.0.0.0:8080"));
  });

  test("a pool that gets a third-party picker changes no listener", () => {
    const pickers = new Map([["llama", { address: "picker:9002", isTls: false }]]);
    const [before, after] = [resourcesOf(mirrored), resourcesOf(mirrored, { pickers })];
    expect(after.lds).toEqual(before.lds);
    expect(after.ecds).not.toEqual(before.ecds);
  });

  test("have names of their own in the shadow lane, by which its routes configure them", () => {
    const resources = resourcesOf(mirrored);
    const names = filtersOf(resources, "shadow-lane").map(({ name }) => name);
    expect(names).toEqual([
      ...["umbra.pick.shadow", "umbra.external-pick.shadow", "umbra.observe.shadow"],
      ...["envoy.filters.http.bandwidth_limit.shadow", "envoy.filters.http.router"],
    ]);
    expect(resources.ecds.get("umbra.pick.shadow")).not.toEqual(resources.ecds.get("umbra.pick"));
    const { virtual_hosts: hosts } = resources.rds.get("shadow-lane") as unknown as {
      virtual_hosts: { routes: { typed_per_filter_config: object }[] }[];
    };
    expect(Object.keys(hosts[0]?.routes[0]?.typed_per_filter_config ?? {}).toSorted()).toEqual([
      "envoy.filters.http.bandwidth_limit.shadow",
      ...["umbra.observe.shadow", "umbra.pick.shadow"],
    ]);
  });

  test("stay in the listener where an EnvoyProxy changes them", () => {
    const proxy = `---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata: {name: proxy}
spec:
  bootstrap:
    type: JSONPatch
    jsonPatches:
      - op: replace
        path: /static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/1/typed_config/stat_prefix
        value: ours
`;
    const resources = resourcesOf(route("") + proxy);
    const [pick] = filtersOf(resources, "0.0.0.0:8080").filter(({ name }) => name === "umbra.pick");
    expect(pick?.typed_config).toMatchObject({ stat_prefix: "ours" });
    expect([...resources.ecds.keys()]).toEqual(all.filter((name) => name !== "umbra.pick"));
  });

  test("stay away where an EnvoyProxy removes them, and stay out of listeners that are its own", () => {
    const proxy = `---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata: {name: proxy}
spec:
  bootstrap:
    type: JSONPatch
    jsonPatches:
      - op: copy
        from: /static_resources/listeners/0
        path: /static_resources/listeners/1
      - op: replace
        path: /static_resources/listeners/1/name
        value: own
      - op: remove
        path: /static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/3
`;
    const resources = resourcesOf(route("") + proxy);
    expect(filtersOf(resources, "0.0.0.0:8080").map(({ name }) => name)).toEqual([
      ...all.filter((name) => name !== "umbra.observe"),
      "envoy.filters.http.router",
    ]);
    expect(filtersOf(resources, "own").map(({ name }) => name)).toEqual([
      ...["umbra.underscores", "umbra.pick", "umbra.unrefused-underscores", "umbra.observe"],
      "envoy.filters.http.router",
    ]);
  });

  test("are only those in use in a bootstrap that does not change", () => {
    const text = renderBootstrap(topologyOf(route("")));
    expect(text).toContain("umbra.pick");
    expect(text).not.toMatch(/umbra\.session|http\.cors|umbra\.external-pick|config_discovery/);
  });
});
