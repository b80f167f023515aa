import { createServer, type Server } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import type { ScriptedApiServer } from "../testing/api-server/scripted-api-server.ts";
import type { StoredKind, StoredObject } from "../testing/api-server/scripted-store.ts";
import { type FollowedCluster, startFollowedCluster } from "./harness/followed-cluster.ts";
import { type ModelServer, startModelServers, stopModelServers } from "./harness/model-servers.ts";
import { json, kinds } from "./harness/scripted-cluster.ts";
import { until } from "./harness/until.ts";

let servers: ModelServer[] = [];
let admin = "";
let cluster: FollowedCluster;
let api: ScriptedApiServer;
let httpPort = 0;

beforeAll(async () => {
  servers = await startModelServers(1);
});
afterAll(() => stopModelServers(servers));

beforeEach(async () => {
  cluster = await startFollowedCluster(servers[0]);
  ({ api, admin } = cluster);
  httpPort = cluster.httpPort;
  await until("Envoy's listener is programmed", () => gateway()[1] === programmed, 60_000);
}, 90_000);

afterEach(() => cluster.stop(), 30_000);

const programmed = "Programmed=True Programmed";

interface Status {
  readonly conditions?: readonly Readonly<Record<string, string>>[];
  readonly listeners?: readonly Status[];
  readonly parents?: readonly Status[];
  readonly attachedRoutes?: number;
}

function statusOf(kind: StoredKind, namespace: string, name: string): Status {
  return (api.resource(kind).get(namespace, name)?.status ?? {}) as Status;
}

/** `Accepted=True Accepted` for each condition. */
function shown({ conditions = [] }: Status = {}): readonly string[] {
  return conditions.map(({ type, status, reason }) => `${type}=${status} ${reason}`);
}

const gateway = (): readonly string[] => shown(statusOf(kinds.gateways, "inference", "gw"));
const route = (name: string): Status =>
  statusOf(kinds.routes, "inference", name).parents?.[0] ?? {};

function routeWith(name: string, path: string): StoredObject {
  return json(`
metadata: { name: ${name}, namespace: inference }
spec:
  parentRefs: [{ name: gw }]
  rules:
    - matches: [{ path: { type: RegularExpression, value: "${path}" } }]
      backendRefs: [{ group: inference.networking.k8s.io, kind: InferencePool, name: llama }]
`);
}

test("all objects get a status, once, and none is written again", async () => {
  await until("the pool has a status", () =>
    JSON.stringify(statusOf(kinds.pools, "inference", "llama")).includes("ResolvedRefs"),
  );
  expect(gateway()).toEqual(["Accepted=True Accepted", programmed]);
  expect(statusOf(kinds.gateways, "inference", "gw").listeners).toMatchObject([
    { name: "http", attachedRoutes: 1, conditions: [{ observedGeneration: 1 }, {}, {}, {}] },
  ]);
  expect(shown(route("chat"))).toEqual([
    "Accepted=True Accepted",
    "ResolvedRefs=True ResolvedRefs",
  ]);
  expect(shown(statusOf(kinds.classes, "", "umbra"))).toEqual(["Accepted=True Accepted"]);
  const writes = api.seenOf("patch").length;
  // A change that concerns no status: each kind is looked at again.
  api.resource(kinds.pods).put(
    json(`
metadata: { name: other, namespace: inference, labels: { app: llama } }
spec: { containers: [{ name: vllm }] }
status: { phase: Running, podIP: 127.0.0.1, podIPs: [{ ip: 127.0.0.1 }], conditions: [] }
`),
  );
  api.resource(kinds.routes).put(routeWith("next", "/next"));
  await until("the next route has a status", () => shown(route("next")).length === 2);
  await until("it is counted", () =>
    JSON.stringify(statusOf(kinds.gateways, "inference", "gw")).includes('"attachedRoutes":2'),
  );
  expect(api.seenOf("patch", "httproutes")).toHaveLength(2);
  expect(api.seenOf("patch").length - writes).toBe(2);
  const metrics = await (await fetch(`http://${admin}/metrics`)).text();
  expect(metrics).toMatch(
    /^umbra_kubernetes_status_writes_total\{resource="httproutes\.gateway\.networking\.k8s\.io",outcome="written"\} 2$/m,
  );
  expect(metrics).toMatch(/^umbra_kubernetes_lease_held 1$/m);
}, 120_000);

test("what Envoy refuses is shown where it belongs, in Envoy's words, and then gone", async () => {
  // Valid for Umbra, and larger than what Envoy compiles.
  api.resource(kinds.routes).put(routeWith("large", `/(?:${"a".repeat(900)}){1000}`));
  await until("the route is not accepted", () =>
    JSON.stringify(route("large")).includes("too large"),
  );
  expect(shown(route("large"))[0]).toBe("Accepted=False UnsupportedValue");
  expect(shown(route("chat"))[0]).toBe("Accepted=True Accepted");
  api.resource(kinds.routes).put(routeWith("large", "/small"));
  await until("it is accepted", () => shown(route("large"))[0] === "Accepted=True Accepted");

  const taken: Server = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const { port } = taken.address() as { readonly port: number };
  const listener = (name: string, at: number) => `{ name: ${name}, port: ${at}, protocol: HTTP }`;
  const gatewayWith = (listeners: string) =>
    json(
      `{ metadata: { name: gw, namespace: inference }, spec: { gatewayClassName: umbra, listeners: [${listeners}] } }`,
    );
  const both = `${listener("http", httpPort)}, ${listener("taken", port)}`;
  api.resource(kinds.gateways).put({
    ...gatewayWith(both),
    status: statusOf(kinds.gateways, "inference", "gw"),
  });
  const listeners = () => statusOf(kinds.gateways, "inference", "gw").listeners ?? [];
  await until("the listener is refused", () =>
    JSON.stringify(listeners()[1] ?? {}).includes("in use"),
  );
  expect(shown(listeners()[1])).toContain("Programmed=False Invalid");
  expect(shown(listeners()[0])).toContain(programmed);
  expect(gateway()).toContain(programmed);
  await new Promise((resolve) => taken.close(resolve));
}, 120_000);
