import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { request } from "undici";
import { testSize } from "../testing/test-size.ts";
import { chat, post } from "./harness/client.ts";
import {
  type FloodingServer,
  type FloodKind,
  floods,
  startFloodingServer,
} from "./harness/flooding-server.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import { steadyLoad } from "./harness/load.ts";
import {
  addresses,
  type ModelServer,
  startModelServers,
  stopModelServers,
} from "./harness/model-servers.ts";
import { policyScenario } from "./harness/resources.ts";
import { until } from "./harness/until.ts";

function residentMiB(pid: number | undefined): number {
  const [, kibibytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kibibytes) / 1024;
}

describe("a shadow that sends without end", () => {
  let primary: ModelServer[] = [];
  let shadow: FloodingServer;
  let gateway: Gateway;

  beforeAll(async () => {
    primary = await startModelServers(1, { timeScale: 0 });
    shadow = await startFloodingServer(floods.deltas());
    gateway = await startGateway({
      resources: policyScenario({
        backends: { primary: 1 },
        mirrors: ["shadow"],
        pools: { primary: addresses(primary), shadow: shadow.address },
        policy: "  sampling: {percent: 100}\n",
      }),
    });
  }, 60_000);

  afterAll(async () => {
    await gateway?.stop();
    await stopModelServers(primary);
    await shadow?.close();
  });

  test.each(Object.keys(floods) as FloodKind[])(
    "costs Envoy less than 200 MB, and no client an answer: %s",
    async (kind) => {
      shadow.flood({ ...floods[kind](), mostBytes: 1e9 });
      const before = residentMiB(gateway.envoy.process.pid);
      let peak = before;
      const watch = setInterval(() => {
        peak = Math.max(peak, residentMiB(gateway.envoy.process.pid));
      }, 20);
      const answers = await steadyLoad(gateway.origin, 20, () => chat({ isStream: true }), {
        isOver: async () => false,
        mostMs: testSize(2_000, 8_000),
      });
      clearInterval(watch);
      // Copies went there, and were flooded.
      expect(shadow.sent()).toBeGreaterThan(1_000_000);
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      expect(peak - before).toBeLessThan(200);
    },
    60_000,
  );
});

describe("the limit of a mirror's answers", () => {
  test("an answer that the limit delays is not compared", async () => {
    const primary = await startModelServers(1, { timeScale: 0 });
    // The first answer fits into the limit of a second, and the next ones do not.
    const shadow = await startFloodingServer({ ...floods.deltas(), mostBytes: 200_000 });
    const gateway = await startGateway({
      resources: policyScenario({
        backends: { primary: 1 },
        mirrors: ["shadow"],
        pools: { primary: addresses(primary), shadow: shadow.address },
        policy: "  sampling: {percent: 100}\n",
      }),
      renderFlags: ["--set", "shadowBandwidth=256Ki"],
    });
    for (let i = 0; i < 6; i++) {
      expect((await post(gateway.origin, chat({ isStream: true }))).status).toBe(200);
    }
    await until("delayed answers are counted", async () => (await overloaded(gateway)) > 0, 30_000);
    const { mirrors } = await gateway.json<{ mirrors: readonly [{ mirrored: number }] }>(
      "/v1/mirrors",
    );
    expect(mirrors[0].mirrored).toBe(6);
    // What was not delayed is compared.
    expect(await overloaded(gateway)).toBeLessThan(6);
    await gateway.stop();
    await stopModelServers(primary);
    await shadow.close();
  }, 60_000);
});

/** Answers of the shadow that were not measured to their end. */
async function overloaded(gateway: Gateway): Promise<number> {
  const { body } = await request(`http://${gateway.admin}/metrics`);
  const line = (await body.text())
    .split("\n")
    .find((each) => each.startsWith('umbra_observe_overloaded_total{lane="shadow"}'));
  return Number(line?.split(" ").at(-1) ?? 0);
}
