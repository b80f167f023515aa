import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "@jest/globals";
import { Agent } from "undici";
import { chat, post, type Seen } from "./harness/client.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import {
  addresses,
  type ModelServer,
  startModelServers,
  stopModelServers,
} from "./harness/model-servers.ts";
import { hostScenario } from "./harness/resources.ts";
import { until } from "./harness/until.ts";

const pools = ["buffered", "buffered-closed", "duplex", "duplex-closed"] as const;
const pickModes = pools.flatMap((pool) => ["--pick-mode", `${pool}=${pool.split("-")[0]}`]);

let servers: ModelServer[] = [];
let gateway: Gateway;

afterEach(async () => {
  gateway?.sidecar().process.kill("SIGCONT");
  await gateway?.stop();
  await stopModelServers(servers);
});

async function start(workers: number): Promise<void> {
  servers = await startModelServers(2, { timeScale: 0 });
  const endpoints = addresses(servers);
  const resources = hostScenario(Object.fromEntries(pools.map((name) => [name, endpoints])));
  gateway = await startGateway({
    resources: resources.replaceAll(
      /(name: "\w+-closed".*\n.*failureMode: )FailOpen/g,
      "$1FailClose",
    ),
    renderFlags: pickModes,
    serveFlags: pickModes,
    workers,
  });
}

/** Sends 20 requests a second to the pools in turn until told to stop. */
function load() {
  const dispatcher = new Agent({ connections: 512, pipelining: 1 });
  const answers: Promise<Seen & { readonly pool: string }>[] = [];
  const timer = setInterval(() => {
    const pool = pools[answers.length % pools.length] ?? "buffered";
    const sent = post(gateway.origin, chat({ promptBytes: 3_000 }), {
      host: `${pool}.example`,
      dispatcher,
    });
    answers.push(sent.then((seen) => ({ ...seen, pool })));
  }, 50);
  return {
    sent: () => answers.length,
    async stop() {
      clearInterval(timer);
      const seen = await Promise.all(answers);
      await dispatcher.destroy();
      return seen;
    },
  };
}

test.each([1, 2])(
  "a sidecar that stalls for 3 s fails no request, with %d workers of Envoy",
  async (workers) => {
    await start(workers);
    const { sent, stop } = load();
    await until("requests are answered", () => sent() >= 30);
    const process = gateway.sidecar().process;
    process.kill("SIGSTOP");
    await sleep(3_000);
    process.kill("SIGCONT");
    const atEnd = sent();
    // The second after it too: ejections that outlast the stall would fail these.
    await until("requests are sent after it", () => sent() >= atEnd + 40);
    const seen = await stop();
    expect(seen.filter(({ status }) => status !== 200)).toEqual([]);
    // Some have waited: the sidecar was stopped indeed, and none continued without its pick.
    expect(Math.max(...seen.map(({ tookMs }) => tookMs))).toBeGreaterThan(2_000);
    expect(await gateway.stat(/ext_proc\.pick_primary\.failure_mode_allowed$/)).toBe(0);
  },
  60_000,
);
