import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import type { AdminAnswers } from "@umbra/sidecar";
import { nightTest } from "../testing/night-test.ts";
import { chat, post } from "./harness/client.ts";
import { type ModelServer, startModelServers, stopModelServers } from "./harness/model-servers.ts";
import { freePorts } from "./harness/ports.ts";
import { type Running, runUmbra, startUmbra } from "./harness/processes.ts";
import { until } from "./harness/until.ts";

type Config = AdminAnswers["/v1/config"];

let servers: ModelServer[] = [];
let folder = "";
let up: Running | undefined;
let origin = "";
let admin = "";

beforeAll(async () => {
  servers = await startModelServers(3);
});
afterAll(() => stopModelServers(servers));
afterEach(async () => {
  await up?.stop();
  up = undefined;
  rmSync(folder, { recursive: true, force: true });
}, 20_000);

const gateway = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: gw }
spec: { gatewayClassName: umbra, listeners: [{ name: http, port: 8080, protocol: HTTP }] }
`;

function pool(name: string, of: readonly ModelServer[]): string {
  return `apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: { name: ${name}, annotations: { umbra.dev/endpoints: "${of.map(({ address }) => address).join(",")}" } }
spec:
  selector: { matchLabels: { app: ${name} } }
  targetPorts: [{ number: 8000 }]
  endpointPickerRef: { name: umbra, port: { number: 9002 } }
`;
}

/** Requests with this header match; each route has a header of its own. */
function route(name: string, value: string, type = "Exact"): string {
  return `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name} }
spec:
  parentRefs: [{ name: gw }]
  rules:
    - matches: [{ headers: [{ name: x-route, type: ${type}, value: "${value}" }] }]
      backendRefs: [{ group: inference.networking.k8s.io, kind: InferencePool, name: llama }]
`;
}

function write(name: string, text: string): void {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(`${file}.tmp`, text);
  renameSync(`${file}.tmp`, file);
}

/** Ten files: a Gateway, a pool and eight routes. */
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "umbra-live-"));
  mkdirSync(folder, { recursive: true });
  write("gateway", gateway);
  write("pool", pool("llama", servers.slice(0, 2)));
  for (let at = 0; at < 8; at++) write(`r${at}`, route(`r${at}`, `r${at}`));
  const [http, grpc, adminPort, envoyAdmin] = await freePorts(4);
  origin = `http://127.0.0.1:${http}`;
  admin = `127.0.0.1:${adminPort}`;
  up = startUmbra(
    ...["up", "-f", folder, "--bind", "127.0.0.1", "--listener", `http=${http}`],
    ...["--grpc", `127.0.0.1:${grpc}`, "--admin", admin],
    ...["--envoy-admin", `127.0.0.1:${envoyAdmin}`, "--no-access-log"],
  );
  await until("umbra up is ready", () => up?.output().includes("umbra: ready;") === true, 60_000);
}, 70_000);

async function config(): Promise<Config> {
  return (await (await fetch(`http://${admin}/v1/config`)).json()) as Config;
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`http://${admin}/metrics`)).text();
  return Number(new RegExp(`^${name} (.*)$`, "m").exec(text)?.[1]);
}

const ask = (value: string) => post(origin, chat(), { headers: { "x-route": value } });
const statusOf = async (value: string) => (await ask(value)).status;
const isServed = (value: string) => async () => (await statusOf(value)) === 200;
const isGone = (value: string) => async () => (await statusOf(value)) === 404;

/** Sends requests one after the other until `change` has been done; returns their statuses. */
async function during(value: string, change: () => Promise<void>): Promise<readonly number[]> {
  const statuses: number[] = [];
  let isOver = false;
  const senders = Array.from({ length: 4 }, async () => {
    while (!isOver) statuses.push(await statusOf(value));
  });
  try {
    await change();
  } finally {
    isOver = true;
  }
  await Promise.all(senders);
  return statuses;
}

const failed = (statuses: readonly number[]) => statuses.filter((status) => status !== 200);

test("a changed route reaches Envoy without a restart and without a failed request", async () => {
  const statuses = await during("r1", async () => {
    write("r0", route("r0", "moved"));
    await until("requests follow", isServed("moved"));
    await until("the old match is gone", isGone("r0"));
  });
  expect(failed(statuses)).toEqual([]);
  expect(statuses.length).toBeGreaterThan(0);
  expect((await config()).changes).toEqual(["route default/r0: match changed"]);
  expect(up?.output()).toContain("configuration changed: route default/r0: match changed");
}, 60_000);

test("broken YAML in one file of ten: its last resources serve, and other files' changes apply", async () => {
  write("r0", "kind: [broken\n");
  await until("the file is stale", async () => (await metric("umbra_config_stale_files")) === 1);
  write("r1", route("r1", "moved"));
  await until("requests follow another file", isServed("moved"));
  expect(await statusOf("r0")).toBe(200);
  const { findings, staleFiles } = await config();
  expect(findings.filter(({ severity }) => severity === "error")).toEqual([
    expect.objectContaining({ code: "UMB0101", file: join(folder, "r0.yaml"), line: 2 }),
  ]);
  expect(staleFiles.map(({ file }) => file)).toEqual([join(folder, "r0.yaml")]);

  rmSync(join(folder, "r2.yaml"));
  await until("a deleted file's route is gone", isGone("r2"));
  write("r0", route("r0", "fixed"));
  await until("the fixed file serves", isServed("fixed"));
  expect(await metric("umbra_config_stale_files")).toBe(0);
}, 60_000);

test("a regular expression that Envoy refuses: the last form serves, everything else moves on, a fixed file clears it", async () => {
  // Valid for Umbra, and larger than what Envoy compiles.
  write("r0", route("r0", `(?:${"a".repeat(900)}){1000}`, "RegularExpression"));
  const refusals = async () => (await config()).findings.filter(({ code }) => code === "UMB0502");
  await until("the finding is there", async () => (await refusals()).length === 1);
  const [finding] = await refusals();
  expect(finding).toMatchObject({ file: join(folder, "r0.yaml"), line: 2, severity: "error" });
  expect(finding?.message).toBe(
    "Envoy refuses HTTPRoute default/r0, and its last accepted form is served: pattern too large - compile failed",
  );
  expect(await statusOf("r0")).toBe(200);
  write("r1", route("r1", "moved"));
  await until("everything else moves on", isServed("moved"));
  const shown = await runUmbra("config", "--admin", admin);
  expect(shown.status).toBe(1);
  expect(shown.stdout).toContain("Envoy refuses HTTPRoute default/r0");

  write("r0", route("r0", "fixed"));
  await until("the fixed file serves", isServed("fixed"));
  await until("the finding is gone", async () => (await refusals()).length === 0);
  expect(await metric('umbra_config_nacks_total{type="rds"}')).toBeGreaterThan(0);
}, 60_000);

// `live-mirror.test.ts` changes endpoints under load by day too.
nightTest(
  "endpoints that come and go under load: no failed request",
  async () => {
    const [first, second, third] = servers as [ModelServer, ModelServer, ModelServer];
    const statuses = await during("r0", async () => {
      for (const members of [[second, third], [third, first], [first], [first, second, third]]) {
        write("pool", pool("llama", members));
        const wanted = members.map(({ address }) => address).toSorted();
        await until(`the pool has ${wanted}`, async () => {
          const { pools } = (await (
            await fetch(`http://${admin}/v1/pools`)
          ).json()) as AdminAnswers["/v1/pools"];
          const has = pools[0]?.endpoints.map(({ address }) => address).toSorted();
          return has?.join() === wanted.join();
        });
      }
    });
    expect(failed(statuses)).toEqual([]);
    expect(statuses.length).toBeGreaterThan(10);
  },
  60_000,
);
