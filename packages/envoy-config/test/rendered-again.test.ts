import { expect, test } from "@jest/globals";
import { createResourceStore, readTopology, renderResources } from "@umbra/envoy-config";
import { caseNames, resourcesOf } from "./golden-case.ts";

test.each(caseNames)("resources of %s are the same again, and as from new objects", (name) => {
  const files = resourcesOf(name);
  const store = createResourceStore({ isLive: true });
  for (const file of files) store.put(file);
  const { topology, certificates } = store.resolve();
  const options = { certificates };
  const first = renderResources(topology, options);
  const again = renderResources(store.resolve().topology, options);
  expect(again).toEqual(first);
  expect(renderResources(structuredClone(topology), options)).toEqual(first);
});

test("a virtual host is rendered again when its pool or a setting changes, and only then", () => {
  const text = (pickMode: string, path: string) =>
    `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: umbra, listeners: [{name: http, port: 8080, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: chat}
spec:
  parentRefs: [{name: gw}]
  hostnames: [a.example]
  rules: [{backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: llama}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: other}
spec:
  parentRefs: [{name: gw}]
  hostnames: [b.example]
  rules: [{matches: [{path: {value: ${path}}}], filters: [{type: RequestRedirect, requestRedirect: {port: 81}}]}]
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: llama, annotations: {umbra.dev/endpoints: "10.0.0.1:8000", umbra.dev/pick-mode: ${pickMode}}}
spec: {selector: {matchLabels: {app: x}}, targetPorts: [{number: 8000}]}
`;
  const store = createResourceStore({ isLive: true });
  const hostsAfter = (pickMode: string, path: string, maxBodyBytes = 1_000) => {
    store.put({ name: "a.yaml", text: text(pickMode, path) });
    const rendered = renderResources(store.resolve().topology, { maxBodyBytes });
    const fresh = readTopology([{ name: "a.yaml", text: text(pickMode, path) }]).topology;
    expect(rendered).toEqual(renderResources(fresh, { maxBodyBytes }));
    const [routes] = rendered.rds.values();
    return (routes?.virtual_hosts ?? []) as readonly unknown[];
  };
  const first = hostsAfter("buffered", "/a");
  expect(first).toHaveLength(2);
  const isSame = (hosts: readonly unknown[], before = first) =>
    hosts.map((each, at) => each === before[at]);
  expect(isSame(hostsAfter("buffered", "/a"))).toEqual([true, true]);
  expect(isSame(hostsAfter("buffered", "/b"))).toEqual([true, false]);
  const other = hostsAfter("buffered", "/b");
  expect(isSame(hostsAfter("duplex", "/b"), other)).toEqual([false, true]);
  expect(isSame(hostsAfter("buffered", "/b", 2_000), other)).toEqual([false, false]);
});
