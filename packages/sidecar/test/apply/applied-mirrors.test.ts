import { afterEach, describe, expect, test } from "@jest/globals";
import { directTopology, type Mirror, type Topology } from "@umbra/envoy-config";
import type { ShadowReport } from "@umbra/shadow";
import { type Sidecar, startSidecar } from "@umbra/sidecar";
import pino from "pino";
import { createEnvoyClient, type EnvoyClient, type StreamOf } from "../envoy-client.ts";
import { until } from "../until.ts";
import { applyAtOnce } from "./at-once.ts";

let sidecar: Sidecar | undefined;
let envoy: EnvoyClient | undefined;

afterEach(async () => {
  envoy?.close();
  await sidecar?.close(0);
  sidecar = undefined;
});

const direct = directTopology({ primary: ["127.0.0.1:9"], shadow: ["127.0.0.1:10"], port: 8080 });
const [directMirror] = direct.mirrors;
if (directMirror === undefined) throw new Error("the direct topology has a mirror");
const own: Mirror = { ...directMirror, perMillion: 1_000_000 };
const none: Topology = { ...direct, mirrors: [] };
const mirrored: Topology = { ...direct, mirrors: [own] };
const [primaryPool = "", shadowPool = ""] = direct.pools.map(({ name }) => name);
const primary: StreamOf = { lane: "primary", pool: primaryPool, mirrors: own.name };
const twin: StreamOf = { lane: "shadow", pool: shadowPool, mirrors: own.name };

async function start(topology: Topology): Promise<{ sidecar: Sidecar; envoy: EnvoyClient }> {
  const grpc = "127.0.0.1:0";
  const admin = { host: "127.0.0.1", port: 0 };
  sidecar = await startSidecar({ topology, grpc, admin, log: pino({ level: "silent" }) });
  envoy = createEnvoyClient(sidecar.grpcAddress);
  return { sidecar, envoy };
}

const sent = (id: string) => ({
  headers: { ":method": "POST", ":path": "/v1/chat/completions", "x-request-id": id },
  body: '{"model":"m","messages":[]}',
});
const answer = [
  'data: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}\n\n',
  "data: [DONE]\n\n",
];

async function get<T>(path: string): Promise<T> {
  return (await (await fetch(`http://${sidecar?.adminAddress}${path}`)).json()) as T;
}

async function page(): Promise<string> {
  return await (await fetch(`http://${sidecar?.adminAddress}/metrics`)).text();
}

interface Reports {
  readonly reports: readonly ShadowReport[];
  readonly closed: readonly ShadowReport[];
}

async function inFlight(): Promise<number | undefined> {
  const { mirrors } = await get<{ mirrors: readonly { inFlight: number }[] }>("/v1/mirrors");
  return mirrors[0]?.inFlight;
}

/** A request and its twin, both answered and measured. */
async function pairOf(client: EnvoyClient, id: string): Promise<void> {
  const picked = await client.pick(primary, sent(id));
  const copied = await client.pick(twin, sent(id));
  for (const stream of [primary, twin])
    await client.observe(stream, { "x-request-id": id }, answer);
  await Promise.all([picked.end(), copied.end()]);
}

describe("a sidecar that gets, changes and loses its mirror", () => {
  test("mirrors and evaluates from the first mirror on", async () => {
    const { sidecar: running, envoy: client } = await start(none);
    const before = await client.pick(primary, sent("r0"));
    expect(before.headers["x-umbra-to-0"]).toBeUndefined();
    await before.end();
    applyAtOnce(running, { topology: mirrored });
    await pairOf(client, "r1");
    await until(async () => (await get<Reports>("/v1/report")).reports[0]?.funnel.paired === 1);
    expect(await page()).toContain(`umbra_shadow_sampled_total{candidate="${shadowPool}"} 1`);
  });

  test("keeps the old evaluation's report after a change, and the last one after its end", async () => {
    const { sidecar: running, envoy: client } = await start(mirrored);
    await pairOf(client, "r1");
    await until(async () => (await get<Reports>("/v1/report")).reports[0]?.funnel.paired === 1);
    const evaluation = { ...own.evaluation, minPairs: 300 };
    applyAtOnce(running, { topology: { ...direct, mirrors: [{ ...own, evaluation }] } });
    await pairOf(client, "r2");
    await until(async () => (await get<Reports>("/v1/report")).reports[0]?.funnel.paired === 1);
    const changed = await get<Reports>("/v1/report");
    expect(changed.reports[0]?.evaluation.min_pairs).toBe(300);
    expect(changed.closed.map((each) => [each.funnel.paired, each.evaluation.closed?.why])).toEqual(
      [[1, "changed"]],
    );
    applyAtOnce(running, { topology: none });
    await until(async () => (await get<Reports>("/v1/report")).closed.length === 2);
    const ended = await get<Reports>("/v1/report");
    expect(ended.reports).toEqual([]);
    expect(ended.closed.map((each) => each.evaluation.closed?.why)).toEqual(["removed", "changed"]);
  });

  test("has no label of its shadow pool on the metrics page once it is gone", async () => {
    const { sidecar: running, envoy: client } = await start(mirrored);
    await pairOf(client, "r1");
    const label = `candidate="${shadowPool}"`;
    await until(async () => (await page()).includes(`umbra_shadow_pairs_total{${label}`));
    applyAtOnce(running, { topology: none });
    await until(async () => !(await page()).includes(label));
    expect(await get("/v1/mirrors")).toEqual({ mirrors: [] });
  });

  test("picks a twin whose mirror is retired while its request lives", async () => {
    const { sidecar: running, envoy: client } = await start(mirrored);
    const picked = await client.pick(primary, sent("r1"));
    expect(picked.headers["x-umbra-to-0"]).toBe(`lane/${own.name}`);
    applyAtOnce(running, { topology: none });
    const copied = await client.pick(twin, sent("r1"));
    expect(copied.reply).toBeUndefined();
    expect(await inFlight()).toBe(1);
    await Promise.all([picked.end(), copied.end()]);
    await until(async () => (await inFlight()) === undefined);
    expect(await inFlight()).toBeUndefined();
  });

  test.each([
    { name: "a mirror that is gone", topology: none },
    {
      name: "a mirror that has another pool",
      topology: { ...direct, mirrors: [{ ...own, pool: primaryPool }] },
    },
  ])("refuses a twin of $name: it would be sent without its changes", async ({ topology }) => {
    const { sidecar: running, envoy: client } = await start(mirrored);
    applyAtOnce(running, { topology });
    const copied = await client.pick(twin, sent("r1"));
    expect(JSON.parse(copied.reply ?? "{}")).toMatchObject({ error: { code: "unknown_pool" } });
    await copied.end();
  });
});
