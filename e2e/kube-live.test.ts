import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import type { ScriptedApiServer } from "../testing/api-server/scripted-api-server.ts";
import { chat, post } from "./harness/client.ts";
import { type FollowedCluster, startFollowedCluster } from "./harness/followed-cluster.ts";
import { type ModelServer, startModelServers, stopModelServers } from "./harness/model-servers.ts";
import { freePorts } from "./harness/ports.ts";
import { json, kinds, pod, route } from "./harness/scripted-cluster.ts";
import { until } from "./harness/until.ts";

let servers: ModelServer[] = [];
let origin = "";
let admin = "";
let cluster: FollowedCluster;
let api: ScriptedApiServer;

beforeAll(async () => {
  servers = await startModelServers(1);
});
afterAll(() => stopModelServers(servers));

beforeEach(async () => {
  cluster = await startFollowedCluster(servers[0]);
  ({ api, admin } = cluster);
  origin = `http://127.0.0.1:${cluster.httpPort}`;
  await until("requests are served", isServed("first"), 60_000);
}, 90_000);

afterEach(() => cluster.stop(), 30_000);

const statusOf = async (value: string): Promise<number> =>
  (await post(origin, chat(), { headers: { "x-route": value } })).status;
const isServed = (value: string) => async () => (await statusOf(value)) === 200;

/** Sends requests one after the other until `change` has been done; returns the statuses other than 200. */
async function failedDuring(value: string, change: () => Promise<void>): Promise<number[]> {
  const statuses: number[] = [];
  let isOver = false;
  const sender = (async () => {
    while (!isOver) statuses.push(await statusOf(value));
  })();
  try {
    await change();
  } finally {
    isOver = true;
  }
  await sender;
  expect(statuses.length).toBeGreaterThan(0);
  return statuses.filter((status) => status !== 200);
}

async function readyz(): Promise<{ readonly status: number; readonly text: string }> {
  const answer = await fetch(`http://${admin}/readyz`);
  return { status: answer.status, text: await answer.text() };
}

test("Envoy follows a route of a scripted API server, which may leave and come back meanwhile", async () => {
  api.resource(kinds.routes).put(route("second"));
  await until("requests follow", isServed("second"));
  expect(await statusOf("first")).toBe(404);

  const failed = await failedDuring("second", async () => {
    await api.stop();
    await until("the loss is shown", async () => (await readyz()).text.includes("degraded"));
    api.resource(kinds.pods).put(pod("llama-1"));
    api.resource(kinds.pods).remove("inference", "llama-0");
    await api.start();
    await until("all is well again", async () => !(await readyz()).text.includes("degraded"));
  });
  expect(failed).toEqual([]);
  expect(await readyz()).toMatchObject({ status: 200 });

  api.resource(kinds.routes).put(route("third"));
  await until("requests follow", isServed("third"));
  // All continued where it was: no kind was listed twice.
  expect(api.seenOf("list", "httproutes")).toHaveLength(1);
  expect(api.seenOf("list", "pods")).toHaveLength(1);
}, 120_000);

test("Gateways and routes of other controllers are left to them", async () => {
  const [port] = await freePorts(1);
  api.resource(kinds.gateways).put(
    json(`
metadata: { name: theirs, namespace: inference }
spec: { gatewayClassName: another, listeners: [{ name: http, port: ${port}, protocol: HTTP }] }
`),
  );
  api.resource(kinds.routes).put(route("follows"));
  await until("requests follow", isServed("follows"));
  expect(await (await fetch(`http://${admin}/v1/config`)).text()).not.toContain("theirs");
}, 60_000);

test("a broken route of one team keeps no other from being served", async () => {
  api.resource(kinds.routes).put(
    json(`
metadata: { name: broken, namespace: inference }
spec: { parentRefs: [{ name: gw }], rules: [{ matches: [{ path: { type: Exact, value: "no-slash" } }] }] }
`),
  );
  const findings = async () => await (await fetch(`http://${admin}/v1/config`)).text();
  await until("the finding is shown", async () =>
    (await findings()).includes("HTTPRoute inference/broken"),
  );
  expect(await statusOf("first")).toBe(200);
}, 60_000);
