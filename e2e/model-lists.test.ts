import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { request } from "undici";
import { post } from "./harness/client.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import { hostScenario } from "./harness/resources.ts";
import { until } from "./harness/until.ts";

const load =
  "vllm:num_requests_waiting 0\nvllm:num_requests_running 0\nvllm:kv_cache_usage_perc 0\n";

interface FakeServer {
  readonly name: string;
  readonly address: string;
  /** It serves these and no other; the first is the base model. */
  models: readonly string[];
  health: number;
  readonly server: Server;
}

/** A model server that answers 404 for what it does not serve, and wants a key where one is given. */
async function fakeServer(
  name: string,
  models: readonly string[],
  { key, metricsPath = "/metrics" }: { key?: string; metricsPath?: string } = {},
): Promise<FakeServer> {
  const server = createServer((req, response) => {
    const answer = (status: number, body: string, type = "application/json") =>
      response.writeHead(status, { "content-type": type, "x-served-by": name }).end(body);
    const isAllowed = key === undefined || req.headers.authorization === `Bearer ${key}`;
    if (req.url === metricsPath) answer(200, load, "text/plain");
    else if (req.url === "/metrics") answer(200, "[]");
    else if (req.url === "/health") answer(made.health, "");
    else if (!isAllowed) answer(401, '{"error":"Unauthorized"}');
    else if (req.url === "/v1/models") {
      const data = made.models.map((id, i) => ({ id, parent: i === 0 ? null : made.models[0] }));
      answer(200, JSON.stringify({ object: "list", data }));
    } else {
      const chunks: Buffer[] = [];
      req.on("data", (chunk: Buffer) => chunks.push(chunk));
      req.on("end", () => {
        const { model } = JSON.parse(Buffer.concat(chunks).toString()) as { model: string };
        answer(made.models.includes(model) ? 200 : 404, "{}");
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const made = { name, address: `127.0.0.1:${port}`, models, health: 200, server };
  return made;
}

const addressesOf = (...some: readonly FakeServer[]) =>
  some.map(({ address }) => address).join(",");

const onlyAdapter = (name: string) => `---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: ${name}}
spec: {modelName: ad, poolRef: {name: ${name}}}
`;

const adapters = ["ad0", "ad1", "ad2", "ad3"];
const servers: FakeServer[] = [];
let gateway: Gateway;

async function start(...made: Parameters<typeof fakeServer>): Promise<FakeServer> {
  const server = await fakeServer(...made);
  servers.push(server);
  return server;
}

beforeAll(async () => {
  const without = await start("without", ["m"]);
  const having = await start("with", ["m", ...adapters]);
  const other = await start("other", ["n"]);
  const keyed = await start("keyed", ["base", "ad"], { key: "k" });
  const guarded = [
    await start("guarded-a", ["base", "ad"], { key: "wanted" }),
    await start("guarded-b", ["base"], { key: "wanted" }),
  ];
  const mounted = await start("mounted", ["m"], { metricsPath: "/prometheus/metrics" });
  const drained = [await start("drained", ["m"]), await start("ready", ["m"])];
  const keyFile = join(mkdtempSync(join(tmpdir(), "umbra-key-")), "key");
  writeFileSync(keyFile, "wanted\n", { mode: 0o600 });
  gateway = await startGateway({
    resources:
      hostScenario({
        mixed: addressesOf(without, having, other),
        keyed: addressesOf(keyed),
        guarded: addressesOf(...guarded),
        mounted: addressesOf(mounted),
        drained: addressesOf(...drained),
      }) + onlyAdapter("keyed"),
    serveFlags: ["--endpoint-key-file", keyFile],
  });
}, 60_000);

afterAll(async () => {
  await gateway?.stop();
  for (const { server } of servers) {
    server.closeAllConnections();
    server.close();
  }
});

interface Pools {
  readonly pools: readonly {
    readonly name: string;
    readonly endpoints: readonly {
      readonly address: string;
      readonly isReady?: boolean;
      readonly lastFailure?: string;
      readonly metrics: { readonly kind: string };
    }[];
  }[];
}

async function endpointsOf(name: string) {
  const { pools } = await gateway.json<Pools>("/v1/pools");
  return pools.find((each) => each.name === `default/${name}`)?.endpoints ?? [];
}

function ask(of: string, model: string, key?: string) {
  const body = JSON.stringify({ model, messages: [{ role: "user", content: "hello" }] });
  const headers: Record<string, string> =
    key === undefined ? {} : { authorization: `Bearer ${key}` };
  return post(gateway.origin, body, { host: `${of}.example`, headers });
}

async function list(of: string, key?: string): Promise<{ status: number; ids: string[] }> {
  const answer = await request(`${gateway.origin}/v1/models`, {
    headers: {
      host: `${of}.example`,
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    },
  });
  const { data = [] } = (await answer.body.json()) as { data?: { id: string }[] };
  return { status: answer.statusCode, ids: data.map(({ id }) => id) };
}

describe("a pool whose endpoints serve different names", () => {
  test.each([...adapters, "n"])("sends requests for %s where it is", async (model) => {
    const answers = await Promise.all(Array.from({ length: 6 }, () => ask("mixed", model)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
  });

  test("shows clients one list of all", async () => {
    expect(await list("mixed")).toEqual({ status: 200, ids: ["m", "n", ...adapters] });
  });

  test("learns of an adapter that is loaded, without a restart", async () => {
    const [, having] = servers as [FakeServer, FakeServer];
    having.models = [...having.models, "late"];
    await until("the new adapter is served", async () =>
      (await list("mixed")).ids.includes("late"),
    );
    const answers = await Promise.all(Array.from({ length: 6 }, () => ask("mixed", "late")));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
  }, 40_000);
});

describe("endpoints that want a key", () => {
  test("whose list can't be read get requests for any name", async () => {
    const answers = [await ask("keyed", "ad", "k"), await ask("keyed", "base", "k")];
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  });

  test("whose list is read with the key are picked by it, and show no list to those without the key", async () => {
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => ask("guarded", "ad", "wanted")),
    );
    expect(answers.map(({ headers }) => headers["x-served-by"])).toEqual(
      Array.from({ length: 6 }, () => "guarded-a"),
    );
    expect(await list("guarded", "other")).toEqual({ status: 401, ids: [] });
    expect(await list("guarded")).toEqual({ status: 401, ids: [] });
  });
});

test("metrics that are not at /metrics are found", async () => {
  await until("metrics are read", async () => {
    const [only] = await endpointsOf("mounted");
    return only?.metrics.kind === "fresh" && only.lastFailure === undefined;
  });
  expect((await ask("mounted", "m")).status).toBe(200);
}, 40_000);

test("an endpoint whose health page says 503 gets nothing until it says 200", async () => {
  const drained = servers.find(({ name }) => name === "drained") as FakeServer;
  drained.health = 503;
  const shown = async () =>
    (await endpointsOf("drained")).find(({ address }) => address === drained.address);
  await until("it is not ready", async () => (await shown())?.isReady === false);
  const answers = await Promise.all(Array.from({ length: 8 }, () => ask("drained", "m")));
  expect(new Set(answers.map(({ headers }) => headers["x-served-by"]))).toEqual(new Set(["ready"]));
  drained.health = 200;
  await until("it is ready", async () => (await shown())?.isReady === true);
}, 40_000);
