// A picker pod of the chart is deleted under load: its process, with the chart's arguments, ends as a kubelet ends it.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Agent } from "undici";
import { chat, post, type Seen } from "../harness/client.ts";
import { type ForeignGateway, startForeignGateway } from "../harness/foreign-gateway.ts";
import {
  addresses,
  type ModelServer,
  startModelServers,
  stopModelServers,
} from "../harness/model-servers.ts";
import { pool } from "../harness/resources.ts";
import { until } from "../harness/until.ts";
import { type PickerProcess, startPicker } from "./picker-process.ts";

const times = { drain: 2_000, grace: 60_000 };
let servers: ModelServer[] = [];
let pickers: PickerProcess[] = [];
let gateway: ForeignGateway | undefined;

beforeAll(async () => {
  servers = await startModelServers(2, { timeScale: 0.2 });
  const resources = pool("llama", addresses(servers));
  pickers = await Promise.all([1, 2].map(() => startPicker({ resources, times })));
  gateway = await startForeignGateway({
    pools: resources,
    pickers: pickers.map(({ port }) => port),
    listeners: [{ name: "chat", cluster: "header" }],
  });
}, 180_000);

afterAll(async () => {
  await gateway?.stop();
  await Promise.all(pickers.map((each) => each.remove()));
  await stopModelServers(servers);
}, 60_000);

/** A client stops by itself after this time. */
const mostMs = 120_000;

/** Sends 20 requests per second until it is stopped. */
async function send(seen: Seen[], agent: Agent, stopping: AbortSignal): Promise<void> {
  const answers: Promise<unknown>[] = [];
  const endMs = performance.now() + mostMs;
  while (!stopping.aborted && performance.now() < endMs) {
    const origin = gateway?.origin("chat") ?? "";
    answers.push(post(origin, chat(), { dispatcher: agent }).then((answer) => seen.push(answer)));
    await sleep(50);
  }
  await Promise.all(answers);
}

test("a picker that is deleted under load fails no request, and ends within its grace period", async () => {
  const agent = new Agent({ connections: 64 });
  const stopping = new AbortController();
  const seen: Seen[] = [];
  const sending = send(seen, agent, stopping.signal);
  const asked = () => gateway?.stat(/^cluster\.picker\.membership_healthy$/);
  await until("both pick", async () => (await asked()) === 2, 30_000);
  const start = seen.length;
  await until("requests are picked for", () => seen.length > start + 40, 60_000);
  const [first] = pickers;
  const before = seen.length;
  const end = await first?.end();
  const during = seen.length - before;
  const after = seen.length;
  await until("the other picks on", () => seen.length > after + 40, 60_000);
  const left = await asked();
  stopping.abort();
  await sending;
  await agent.destroy();

  expect(left).toBe(1);
  expect(seen.slice(start).filter(({ status }) => status !== 200)).toEqual([]);
  // Until the gateway has noticed.
  expect(during).toBeGreaterThan(1);
  expect(end?.umbra).toBe("status 0");
  expect(end?.tookMs).toBeGreaterThanOrEqual(times.drain);
  expect(end?.tookMs).toBeLessThan(first?.graceMs ?? 0);
}, 180_000);
