// A pod of the chart is deleted under load: its processes, with the chart's arguments, end as a kubelet ends them.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Agent } from "undici";
import { chat, post, type Seen } from "../harness/client.ts";
import {
  addresses,
  type ModelServer,
  startModelServers,
  stopModelServers,
} from "../harness/model-servers.ts";
import { scenario } from "../harness/resources.ts";
import { until } from "../harness/until.ts";
import { type PodProcesses, startPod } from "./pod-processes.ts";

let servers: ModelServer[] = [];
let pods: PodProcesses[] = [];

beforeAll(async () => {
  servers = await startModelServers(2, { timeScale: 0.2 });
  const resources = scenario({
    primary: addresses(servers.slice(0, 1)),
    shadow: addresses(servers.slice(1)),
    // Without a pick there would be no answer.
    failureMode: "FailClose",
  });
  const times = { announce: 2_000, timeout: 60_000, quiet: 2_000 };
  pods = await Promise.all([1, 2].map(() => startPod({ resources, times })));
}, 180_000);

afterAll(async () => {
  await Promise.all(pods.map((pod) => pod.remove()));
  await stopModelServers(servers);
}, 60_000);

/** A client stops by itself after this time. */
const mostMs = 150_000;

/** A client that sends to ready pods in turn, on connections that it keeps, as a Service's clients do. */
class Clients {
  readonly seen: { readonly pod: number; readonly answer: Seen }[] = [];
  readonly #agent = new Agent({ connections: 64 });
  readonly #stopping = new AbortController();
  readonly #running: Promise<unknown>;
  readonly #endMs = performance.now() + mostMs;
  #ready: number[] = [0, 1];

  constructor(perSecond: number) {
    this.#running = Promise.all([this.#watch(), this.#send(1_000 / perSecond)]);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await this.#agent.destroy();
  }

  async one(pod: number, body: string): Promise<Seen> {
    const answer = await post(pods[pod]?.origin ?? "", body, { dispatcher: this.#agent });
    this.seen.push({ pod, answer });
    return answer;
  }

  /** Every second, like an EndpointSlice that follows probes with some delay. */
  async #watch(): Promise<void> {
    while (!this.#stopping.signal.aborted && performance.now() < this.#endMs) {
      const areReady = await Promise.all(pods.map((pod) => pod.isReady()));
      this.#ready = [0, 1].filter((pod) => areReady[pod]);
      await sleep(500);
    }
  }

  async #send(everyMs: number): Promise<void> {
    const answers: Promise<Seen>[] = [];
    while (!this.#stopping.signal.aborted && performance.now() < this.#endMs) {
      const pod = this.#ready[answers.length % this.#ready.length];
      if (pod !== undefined) answers.push(this.one(pod, chat()));
      await sleep(everyMs);
    }
    await Promise.all(answers);
  }
}

test("a pod that is deleted under load fails no request, and ends within its grace period", async () => {
  const clients = new Clients(20);
  const servedBy = (pod: number) => clients.seen.filter((each) => each.pod === pod).length;
  await until("both pods serve", () => servedBy(0) > 20 && servedBy(1) > 20, 60_000);
  const stream = clients.one(0, chat({ isStream: true, maxTokens: 1_500 }));
  await sleep(100);
  const before = servedBy(0);
  const [pod] = pods;
  const end = await pod?.end();
  const during = servedBy(0) - before;
  const after = servedBy(1);
  await until("the other pod serves on", () => servedBy(1) > after + 20, 60_000);
  await clients.stop();

  expect(clients.seen.filter(({ answer }) => answer.status !== 200)).toEqual([]);
  // Longer than the end was announced.
  const { text, tookMs } = await stream;
  expect(text).toMatch(/data: \[DONE\]\s*$/);
  expect(tookMs).toBeGreaterThan(2_000);
  // Until the others have noticed.
  expect(during).toBeGreaterThan(1);
  expect(end).toMatchObject({ drain: 0, envoy: "status 0", umbra: "status 0" });
  expect(end?.tookMs).toBeLessThan(pod?.graceMs ?? 0);
}, 180_000);
