import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { chat, post } from "./harness/client.ts";
import { type ModelServer, startModelServers, stopModelServers } from "./harness/model-servers.ts";
import { freePorts } from "./harness/ports.ts";
import { type Running, startUmbra } from "./harness/processes.ts";
import {
  json,
  kinds,
  pod,
  route,
  type ScriptedCluster,
  startScriptedCluster,
} from "./harness/scripted-cluster.ts";
import { until } from "./harness/until.ts";

let servers: ModelServer[] = [];
let folder = "";
let origin = "";
let cluster: ScriptedCluster;
let up: Running;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "umbra-up-kube-"));
  servers = await startModelServers(1);
  const [httpPort = 0, grpc, admin, envoyAdmin] = await freePorts(4);
  const modelPort = servers[0]?.address.split(":")[1];
  cluster = await startScriptedCluster(folder, { httpPort, modelPort });
  cluster.api.resource(kinds.routes).put(
    json(`
metadata: { name: broken, namespace: inference }
spec: { parentRefs: [{ name: gw }], rules: [{ matches: [{ path: { type: Exact, value: "no-slash" } }] }] }
`),
  );
  origin = `http://127.0.0.1:${httpPort}`;
  up = startUmbra(
    ...["up", "--kube", "--kubeconfig", cluster.kubeconfig, "--bind", "127.0.0.1"],
    ...["--grpc", `127.0.0.1:${grpc}`, "--admin", `127.0.0.1:${admin}`],
    ...["--envoy-admin", `127.0.0.1:${envoyAdmin}`],
  );
}, 60_000);

afterEach(async () => {
  await up.stop();
  await cluster.api.stop();
  await stopModelServers(servers);
  rmSync(folder, { recursive: true, force: true });
}, 30_000);

const statusOf = async (value: string): Promise<number | undefined> =>
  post(origin, chat(), { headers: { "x-route": value } }).then(
    ({ status }) => status,
    () => undefined,
  );

test("umbra up --kube serves what the API server has, besides a broken route, and follows it", async () => {
  await until("umbra up is ready", () => up.output().includes("umbra: ready"), 60_000);
  expect(up.output()).toContain("1 error in the resources: see umbra check --kube");
  expect(await statusOf("first")).toBe(200);
  cluster.api.resource(kinds.routes).put(route("second"));
  await until("requests follow", async () => (await statusOf("second")) === 200);
  cluster.api.resource(kinds.pods).put(pod("llama-1"));
  expect(await statusOf("second")).toBe(200);
}, 90_000);
