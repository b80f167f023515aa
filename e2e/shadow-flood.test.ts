import { readFileSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { chat, post } from "./harness/client.ts";
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

const delta = 'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n';

/** What a hostile shadow says, again and again, until nobody listens. */
const floods = {
  deltas: { first: "", block: Buffer.from(delta.repeat(1_000)), headers: {} },
  "one line without end": { first: "data: ", block: Buffer.alloc(65_536, "x"), headers: {} },
  "gzip of 1 GB": {
    first: "",
    block: gzipSync(Buffer.alloc(1e9, "x")),
    headers: { "content-encoding": "gzip" },
  },
};

interface Flooder {
  readonly address: string;
  /** Bytes that others have taken. */
  readonly sent: () => number;
  flood(kind: keyof typeof floods, mostBytes: number): void;
  close(): Promise<void>;
}

async function startFlooder(): Promise<Flooder> {
  let [kind, mostBytes, sent]: [keyof typeof floods, number, number] = ["deltas", 0, 0];
  const server: Server = createServer((request, response) => {
    request.resume().on("end", () => answer(request.method, response));
  });
  function answer(method: string | undefined, response: ServerResponse): void {
    if (method !== "POST") {
      response.writeHead(404).end();
      return;
    }
    const { first, block, headers } = floods[kind];
    response.writeHead(200, { "content-type": "text/event-stream", ...headers }).write(first);
    let own = 0;
    const more = () => {
      while (!response.destroyed && own < mostBytes) {
        own += block.length;
        sent += block.length;
        if (!response.write(block)) {
          response.once("drain", more);
          return;
        }
      }
      response.end();
    };
    response.on("error", () => {});
    more();
  }
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    sent: () => sent,
    flood(...given) {
      [kind, mostBytes] = given;
      sent = 0;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function residentMiB(pid: number | undefined): number {
  const [, kibibytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kibibytes) / 1024;
}

describe("a shadow that sends without end", () => {
  let primary: ModelServer[] = [];
  let shadow: Flooder;
  let gateway: Gateway;

  beforeAll(async () => {
    primary = await startModelServers(1, { timeScale: 0 });
    shadow = await startFlooder();
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

  test.each(Object.keys(floods) as (keyof typeof floods)[])(
    "costs Envoy less than 200 MB, and no client an answer: %s",
    async (kind) => {
      shadow.flood(kind, 1e9);
      const before = residentMiB(gateway.envoy.process.pid);
      let peak = before;
      const watch = setInterval(() => {
        peak = Math.max(peak, residentMiB(gateway.envoy.process.pid));
      }, 20);
      const answers = await steadyLoad(gateway.origin, 20, () => chat({ isStream: true }), {
        isOver: async () => false,
        mostMs: 8_000,
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
    const shadow = await startFlooder();
    const gateway = await startGateway({
      resources: policyScenario({
        backends: { primary: 1 },
        mirrors: ["shadow"],
        pools: { primary: addresses(primary), shadow: shadow.address },
        policy: "  sampling: {percent: 100}\n",
      }),
      renderFlags: ["--set", "shadowBandwidth=256Ki"],
    });
    // The first answer fits into the limit of a second, and the next ones do not.
    shadow.flood("deltas", 200_000);
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
  const { request } = await import("undici");
  const { body } = await request(`http://${gateway.admin}/metrics`);
  const line = (await body.text())
    .split("\n")
    .find((each) => each.startsWith('umbra_observe_overloaded_total{lane="shadow"}'));
  return Number(line?.split(" ").at(-1) ?? 0);
}
