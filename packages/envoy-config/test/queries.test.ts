import { describe, expect, test } from "@jest/globals";
import { allPrimaryPools, baselinePoolsOf, readTopology, routesOf } from "@umbra/envoy-config";
import { mirrorsByName, mirrorsOf, primaryPoolsOf } from "@umbra/envoy-config/internal";
import { caseNames, resourcesOf } from "./golden-case.ts";

const resources = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  listeners: [{name: http, port: 80, protocol: HTTP}, {name: other, port: 81, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: chat}
spec:
  parentRefs: [{name: gw}]
  rules:
    - name: mirrored
      matches: [{path: {value: /a}}, {path: {value: /b}}]
      backendRefs: [{name: s, port: 1}, {name: s, port: 2, weight: 0}, {name: gone, port: 1}]
      filters:
        - {type: RequestMirror, requestMirror: {backendRef: {name: m, port: 1}}}
        - {type: RequestMirror, requestMirror: {backendRef: {name: m, port: 2}, percent: 5}}
    - matches: [{path: {value: /c}}]
      backendRefs: [{name: s, port: 3}]
---
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {ports: [{port: 1, name: a}, {port: 2, name: b}, {port: 3, name: c}]}
---
apiVersion: v1
kind: Service
metadata: {name: m}
spec: {ports: [{port: 1, name: a}, {port: 2, name: b}]}
`;
const { topology } = readTopology([{ name: "r.yaml", text: resources }]);
const route = { namespace: "default", name: "chat" };
const mirrors = mirrorsByName(topology);

describe("the topology", () => {
  test("has each mirror once, even if matches and listeners share it", () => {
    expect(
      topology.mirrors.map(({ name, origin, pool, perMillion }) => [
        name,
        origin,
        pool,
        perMillion,
      ]),
    ).toEqual([
      ["default/chat/0/mirror/0", { route, rule: 0, filter: 0 }, "service:default/m:1", 1_000_000],
      ["default/chat/0/mirror/1", { route, rule: 0, filter: 1 }, "service:default/m:2", 50_000],
    ]);
    const named = routesOf(topology).filter((each) => each.mirrors.length > 0);
    expect(named).toHaveLength(4);
    expect(new Set(named.map((each) => each.mirrors.join(" ")))).toEqual(
      new Set(["default/chat/0/mirror/0 default/chat/0/mirror/1"]),
    );
  });

  test("has the origin of each route", () => {
    const origins = routesOf(topology).map(({ name, origin }) => [name, origin]);
    expect(Object.fromEntries(origins)).toEqual({
      "default/chat/0/0": { route, rule: 0, ruleName: "mirrored", match: 0 },
      "default/chat/0/1": { route, rule: 0, ruleName: "mirrored", match: 1 },
      "default/chat/1/0": { route, rule: 1, match: 0 },
    });
  });
});

describe("queries", () => {
  test("pools that answer clients, with and without a weight", () => {
    const [first] = routesOf(topology);
    expect(first === undefined ? [] : primaryPoolsOf(first)).toEqual([
      "service:default/s:1",
      "service:default/s:2",
    ]);
    expect([...allPrimaryPools(topology)].toSorted()).toEqual([
      "service:default/s:1",
      "service:default/s:2",
      "service:default/s:3",
    ]);
  });

  test("primary pools of a shadow: of mirrored rules, with a weight above 0", () => {
    expect(baselinePoolsOf(topology, route)).toEqual(["service:default/s:1"]);
    expect(baselinePoolsOf(topology, { ...route, namespace: "other" })).toEqual([]);
  });
});

test.each(caseNames)(
  "every mirror that a route of %s refers to exists, and every mirror is used",
  (name) => {
    const read = readTopology(resourcesOf(name)).topology;
    const routes = routesOf(read);
    const named = routes.flatMap((each) => each.mirrors);
    const found = routes.flatMap((each) => mirrorsOf(each, mirrorsByName(read)));
    expect(found.map((each) => each.name)).toEqual(named);
    expect(read.mirrors.map((each) => each.name)).toEqual([...new Set(named)]);
  },
);

test("a route with an unknown mirror has the others", () => {
  const some = mirrorsOf({ mirrors: ["gone", "default/chat/0/mirror/1"] }, mirrors);
  expect(some.map(({ pool }) => pool)).toEqual(["service:default/m:2"]);
});
