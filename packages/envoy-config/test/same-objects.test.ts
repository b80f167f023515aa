import { expect, test } from "@jest/globals";
import { readTopology, renderResources } from "@umbra/envoy-config";
import { withPickModes } from "../src/resolve/route-pick-modes.ts";
import { readFile } from "../src/resources/read-file.ts";
import { joinFiles } from "../src/resources/read-resources.ts";

const route = (parents: string, pool: string) => `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: to-${pool}}
spec:
  parentRefs: [${parents}]
  hostnames: [${pool}.example]
  rules: [{backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: ${pool}}]}]
`;
const pool = (name: string, mode: string) => `---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: ${name}, annotations: {umbra.dev/endpoints: "10.0.0.1:8000", umbra.dev/pick-mode: ${mode}}}
spec: {targetPorts: [{number: 8000}], selector: {matchLabels: {app: ${name}}}}
`;
const gateway = (name: string, className: string) => `---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: ${name}}
spec: {gatewayClassName: ${className}, listeners: [{name: http, port: 8080, protocol: HTTP}]}
`;

test("a route that another controller's Gateway serves too stays the same object while nothing about it changes", () => {
  const file = (name: string, text: string) => readFile({ name, text });
  const routes = file("routes.yaml", route("{name: ours}, {name: theirs}", "a"));
  const theirs = file("theirs.yaml", gateway("theirs", "other"));
  const ours = file("ours.yaml", gateway("ours", "umbra"));
  const routeIn = (...files: Parameters<typeof joinFiles>[0]) =>
    joinFiles(files, { gatewayClass: "umbra" }).resources.routes[0];
  const before = routeIn(routes, ours, theirs);
  expect(before?.parents.map(({ name }) => name)).toEqual(["ours"]);
  expect(routeIn(routes, ours, theirs)).toBe(before);
  const attached = routeIn(routes, ours);
  expect(attached?.parents.map(({ name }) => name)).toEqual(["ours", "theirs"]);
});

test("hosts stay the same objects while the pick modes of their routes do, whatever mode another route has", () => {
  const all = [gateway("ours", "umbra"), route("{name: ours}", "a"), route("{name: ours}", "b")];
  const text = [...all, pool("a", "duplex"), pool("b", "buffered")].join("");
  const { topology } = readTopology([{ name: "a.yaml", text }]);
  const withModeOfA = (pickMode: "buffered" | "duplex" | "headers") => {
    const pools = topology.pools.map((each) =>
      each.resourceName === "a" ? { ...each, pickMode } : each,
    );
    const given = { ...topology, pools };
    const { listeners } = withPickModes(
      given,
      () => undefined,
      () => {},
    );
    const hosts = listeners.flatMap(({ virtualHosts }) => virtualHosts);
    const hostOf = (domain: string) => hosts.find(({ domains }) => domains.includes(domain));
    return { a: hostOf("a.example"), b: hostOf("b.example") };
  };
  const duplex = withModeOfA("duplex");
  const headers = withModeOfA("headers");
  expect(headers.b).toBe(duplex.b);
  const modes = [duplex, headers].map(({ a }) => a?.routes.map(({ pickMode }) => pickMode));
  expect(modes).toEqual([["duplex"], ["buffered"]]);
  expect(withModeOfA("headers").a).toBe(headers.a);
});

test("clusters of pools that have not changed stay the same objects when another pool's endpoints change", () => {
  const all = [gateway("ours", "umbra"), route("{name: ours}", "a"), route("{name: ours}", "b")];
  const text = [...all, pool("a", "duplex"), pool("b", "duplex")].join("");
  const { topology } = readTopology([{ name: "a.yaml", text }]);
  const pools = topology.pools.map((each) =>
    each.resourceName === "a" ? { ...each, endpoints: ["10.0.0.2:8000"] } : each,
  );
  const [before, after] = [renderResources(topology), renderResources({ ...topology, pools })];
  const [ofA = "", ofB = ""] = [...before.cds.keys()];
  expect(after.cds.get(ofB)).toBe(before.cds.get(ofB));
  expect(after.eds.get(ofB)).toBe(before.eds.get(ofB));
  expect(after.cds.get(ofA)).toEqual(before.cds.get(ofA));
  expect(JSON.stringify(after.eds.get(ofA))).toContain("10.0.0.2");
});

test("a cluster follows the options that it is rendered with", () => {
  const text = [gateway("ours", "umbra"), route("{name: ours}", "a"), pool("a", "duplex")].join("");
  const { topology } = readTopology([{ name: "a.yaml", text }]);
  const breakersAt = (maxRequests: number) =>
    JSON.stringify(renderResources(topology, { maxRequests }).cds.values().next().value);
  expect(breakersAt(777)).toContain('"max_requests":777');
  expect(breakersAt(778)).toContain('"max_requests":778');
});
