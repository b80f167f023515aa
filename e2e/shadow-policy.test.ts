import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Pair } from "@umbra/shadow";
import { Agent } from "undici";
import { testSize } from "../testing/test-size.ts";
import { isLikely } from "./gateway-api/echo-gateway.ts";
import { chat, post, postMany } from "./harness/client.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import {
  addresses,
  type ModelServer,
  startModelServers,
  stopModelServers,
} from "./harness/model-servers.ts";
import { runUmbra } from "./harness/processes.ts";
import { startRecordingServer } from "./harness/recording-server.ts";
import { policyScenario } from "./harness/resources.ts";
import { until } from "./harness/until.ts";

interface Mirrors {
  readonly mirrors: readonly {
    readonly candidate: string;
    readonly eligible: number;
    readonly mirrored: number;
    readonly inFlight: number;
    readonly dropped: Readonly<Record<string, number>>;
  }[];
}

async function pairsOf(gateway: Gateway): Promise<readonly Pair[]> {
  return (await gateway.json<{ pairs: readonly Pair[] }>("/v1/pairs")).pairs;
}

async function mirrorOf(gateway: Gateway) {
  const [mirror] = (await gateway.json<Mirrors>("/v1/mirrors")).mirrors;
  if (mirror === undefined) throw new Error("there is no mirror");
  return mirror;
}

describe("sampling by session, from weighted backends", () => {
  let pools: Record<string, ModelServer[]> = {};
  let gateway: Gateway;

  beforeAll(async () => {
    pools = {
      a: await startModelServers(1),
      b: await startModelServers(1),
      shadow: await startModelServers(1),
    };
    gateway = await startGateway({
      resources: policyScenario({
        backends: { a: 50, b: 50 },
        mirrors: ["shadow"],
        pools: Object.fromEntries(
          Object.entries(pools).map(([name, servers]) => [name, addresses(servers)]),
        ),
        policy: `  sampling: {percent: 50, by: session, sessionKey: {header: x-conversation-id}}
  budget: {maxInFlight: 512}`,
      }),
    });
  }, 60_000);

  afterAll(async () => {
    await gateway?.stop();
    await stopModelServers(Object.values(pools).flat());
  });

  test("conversations are mirrored whole or not at all, half of them, evenly from both backends", async () => {
    const [conversations, turns] = [testSize(100, 300), 4];
    const sessionOf = new Map<string, number>();
    const dispatcher = new Agent({ connections: 16, pipelining: 1 });
    for (let turn = 0; turn < turns; turn++) {
      for (let from = 0; from < conversations; from += 50) {
        await Promise.all(
          Array.from({ length: 50 }, async (_, i) => {
            const session = from + i;
            const seen = await post(gateway.origin, chat(), {
              headers: { "x-conversation-id": `conversation-${session}` },
              dispatcher,
            });
            expect(seen.status).toBe(200);
            sessionOf.set(String(seen.headers["x-request-id"]), session);
          }),
        );
      }
    }
    await dispatcher.destroy();
    await until("every copy is paired", async () => {
      const { mirrored } = await mirrorOf(gateway);
      return (await pairsOf(gateway)).length === mirrored;
    });
    const pairs = await pairsOf(gateway);
    const perSession = new Map<number, number>();
    for (const { requestId } of pairs) {
      const session = sessionOf.get(requestId) ?? -1;
      perSession.set(session, (perSession.get(session) ?? 0) + 1);
    }
    expect(new Set(perSession.values())).toEqual(new Set([turns]));
    expect(isLikely(perSession.size, conversations, 0.5)).toBe(true);
    const fromA = pairs.filter(({ primary }) => primary.pool === "default/a").length;
    expect(isLikely(fromA, pairs.length, 0.5)).toBe(true);
  }, 60_000);

  test("the share is changed while Envoy runs, and mirroring paused and resumed", async () => {
    const send = async () => {
      const before = await mirrorOf(gateway);
      await postMany(gateway.origin, 40, 8, () => chat());
      const after = await mirrorOf(gateway);
      return after.mirrored - before.mirrored;
    };
    const call = (...args: readonly string[]) =>
      runUmbra("shadow", ...args, "--admin", gateway.admin);
    expect((await call("percent", "0")).status).toBe(0);
    expect(await send()).toBe(0);
    expect((await call("percent", "100")).stdout).toContain("100 %");
    expect(await send()).toBe(40);
    expect((await call("pause")).stdout).toContain("paused");
    expect(await send()).toBe(0);
    expect((await call("resume")).status).toBe(0);
    expect(await send()).toBe(40);
    expect((await call("percent", "101")).status).toBe(2);
    expect((await call("pause", "--candidate", "nobody")).stderr).toContain(
      "no mirror to that pool",
    );
  }, 60_000);

  test("changing calls are not taken from other origins or under other names", async () => {
    const call = (headers: Record<string, string>) =>
      fetch(`http://${gateway.admin}/v1/shadow/pause`, { method: "POST", headers });
    expect((await call({ origin: "http://evil.example" })).status).toBe(403);
    const read = await fetch(`http://${gateway.admin}/v1/shadow/pause`);
    expect(read.status).toBe(405);
  });
});

describe("the copy", () => {
  let primary: ModelServer[] = [];
  let gateway: Gateway;
  let shadow: Awaited<ReturnType<typeof startRecordingServer>>;

  beforeAll(async () => {
    primary = await startModelServers(1);
    shadow = await startRecordingServer();
    gateway = await startGateway({
      resources: policyScenario({
        backends: { primary: 1 },
        mirrors: ["shadow"],
        pools: { primary: addresses(primary), shadow: shadow.address },
        policy: `  eligible: {paths: [/v1/chat/completions, /v1/responses], models: ["/model/llama2"], headers: {x-tier: free}}
  rewrite:
    model: {"/model/llama2": "/model/llama3"}
    set: {temperature: 0.5}
    remove: [logit_bias]
    headers: {set: {x-shadow-key: "100%"}}
  budget: {maxBodyBytes: 4096, maxRequests: 4}`,
      }),
    });
  }, 60_000);

  afterAll(async () => {
    await gateway?.stop();
    await stopModelServers(primary);
    await shadow?.close();
  });

  const send = (body: object, headers: Record<string, string> = {}, path?: string) =>
    post(gateway.origin, JSON.stringify({ model: "/model/llama2", max_tokens: 2, ...body }), {
      headers: { "x-tier": "free", authorization: "Bearer secret", cookie: "a=b", ...headers },
      ...(path === undefined ? {} : { path }),
    });
  const messages = [{ role: "user", content: "hi" }];

  test("has another model, other fields and no credentials; what is not named stays as it was", async () => {
    const body = `{"model":"/model/llama2","seed":12345678901234567890,"logit_bias":{"1":2},"stream":true, "messages":[{"role":"user","content":"hé"}]}`;
    const seen = await post(gateway.origin, body, {
      headers: { "x-tier": "free", authorization: "Bearer secret", cookie: "a=b" },
    });
    expect(seen.status).toBe(200);
    await until("the copy is there", () => shadow.received.length === 1);
    const [copy] = shadow.received;
    expect(copy?.body).toBe(
      `{"model":"/model/llama3","seed":12345678901234567890,"stream":true, "messages":[{"role":"user","content":"hé"}],"temperature":0.5,"stream_options":{"include_usage":true}}`,
    );
    expect(copy?.headers).toMatchObject({
      "x-shadow-key": "100%",
      "content-length": String(Buffer.byteLength(copy?.body ?? "")),
    });
    for (const name of ["authorization", "cookie", "accept-encoding", "x-umbra-to-0"]) {
      expect(copy?.headers).not.toHaveProperty(name);
    }
  });

  test("is not made of what has state, server-side tools, another tier or a body too large", async () => {
    const before = await mirrorOf(gateway);
    await send({ messages, store: true });
    await send({ messages, tools: [{ type: "web_search" }] });
    await send({ messages }, { "x-tier": "paid" });
    await send({ input: "hi" }, {}, "/v1/responses");
    await send({ messages: [{ role: "user", content: "x".repeat(5_000) }] });
    const after = await mirrorOf(gateway);
    expect(after.mirrored).toBe(before.mirrored);
    expect(after.eligible - before.eligible).toBe(1);
    expect(after.dropped).toEqual({ size: 1 });
  });

  test("is no longer made when the budget is used up", async () => {
    for (let i = 0; i < 5; i++) {
      await send({ messages, tools: [{ type: "function", function: { name: "f" } }] });
    }
    const { mirrored, dropped } = await mirrorOf(gateway);
    expect({ mirrored, dropped }).toEqual({ mirrored: 4, dropped: { size: 1, requests: 2 } });
  });
});

describe("a client that goes away", () => {
  test("takes the copy with it, and the pair is censored", async () => {
    const primary = await startModelServers(1, { timeScale: 1 });
    const shadow = await startModelServers(1, { timeScale: 1 });
    const gateway = await startGateway({
      resources: policyScenario({
        backends: { primary: 1 },
        mirrors: ["shadow"],
        pools: { primary: addresses(primary), shadow: addresses(shadow) },
        policy: "  sampling: {percent: 100}",
      }),
    });
    try {
      const running = (servers: readonly ModelServer[]) =>
        servers.reduce((sum, { server }) => sum + server.state().running, 0);
      const going = new AbortController();
      const gone = post(gateway.origin, chat({ isStream: true, maxTokens: 2_000 }), {
        signal: going.signal,
      });
      await until("both lanes are at work", () => running(primary) === 1 && running(shadow) === 1);
      going.abort();
      expect((await gone).status).toBe(0);
      await until("the primary has stopped", () => running(primary) === 0);
      await until("the shadow has stopped", () => running(shadow) === 0, 5_000);
      await until("the pair is there", async () => (await pairsOf(gateway)).length === 1);
      const [pair] = await pairsOf(gateway);
      expect([pair?.primary.class, pair?.shadow.class]).toEqual([
        "client_cancelled",
        "propagated_cancel",
      ]);
      expect((await mirrorOf(gateway)).inFlight).toBe(0);
      const metrics = await (await fetch(`http://${gateway.admin}/metrics`)).text();
      expect(metrics).toContain("umbra_shadow_cancelled_total 1");
      // A client that stays is not disturbed.
      const stays = await post(gateway.origin, chat({ isStream: true, maxTokens: 20 }));
      expect(stays.text).toContain("[DONE]");
      await until("its pair is there, too", async () => (await pairsOf(gateway)).length === 2);
      expect((await pairsOf(gateway))[1]?.shadow.class).toBe("ok");
    } finally {
      await gateway.stop();
      await stopModelServers([...primary, ...shadow]);
    }
  }, 60_000);
});

describe("texts", () => {
  test("are kept redacted, by few, for their owner alone, and only when asked for", async () => {
    const folder = join(mkdtempSync(join(tmpdir(), "umbra-capture-")), "captures");
    const primary = await startModelServers(1);
    const shadow = await startModelServers(1);
    const gateway = await startGateway({
      resources: policyScenario({
        backends: { primary: 1 },
        mirrors: ["shadow"],
        pools: { primary: addresses(primary), shadow: addresses(shadow) },
        policy: "  sampling: {percent: 100}",
      }),
      serveFlags: ["--capture", "samples=2", "--capture-dir", folder],
    });
    try {
      for (let i = 0; i < 5; i++) {
        const messages = [{ role: "user", content: `canary, mail ann@example.com, ${i}` }];
        const body = JSON.stringify({ model: "/model/llama2", max_tokens: 2, messages });
        expect((await post(gateway.origin, body)).status).toBe(200);
      }
      await until("all are paired", async () => (await pairsOf(gateway)).length === 5);
      let report = "";
      await until("captures are counted", async () => {
        report = (await runUmbra("report", "--admin", gateway.admin, "-o", "json")).stdout;
        return report.includes('"captured": 2');
      });
      expect(JSON.parse(report)).toMatchObject({ evaluation: { captured: 2 } });
      expect(report).not.toContain("canary");
      // By its end, the sidecar has stored all that it keeps.
      await gateway.sidecar().stop();
      const files = readdirSync(folder).map((name) => join(folder, name));
      expect(files).toHaveLength(2);
      for (const file of files) {
        expect(statSync(file).mode & 0o777).toBe(0o600);
        const text = readFileSync(file, "utf8");
        expect(text).toContain("canary, mail [e-mail]");
        expect(text).not.toContain("ann@example.com");
      }
    } finally {
      await gateway.stop();
      await stopModelServers([...primary, ...shadow]);
      rmSync(join(folder, ".."), { recursive: true, force: true });
    }
  }, 60_000);
});
