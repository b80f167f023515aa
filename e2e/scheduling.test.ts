import { expect, test } from "@jest/globals";
import { chat, post, postMany } from "./harness/client.ts";
import { startGateway } from "./harness/gateway.ts";
import { addresses, startModelServers, stopModelServers } from "./harness/model-servers.ts";
import { runUmbra } from "./harness/processes.ts";
import { startRecordingServer } from "./harness/recording-server.ts";
import { gatewayAndRoute, pool } from "./harness/resources.ts";
import { until } from "./harness/until.ts";

const route = (name: string) => `${gatewayAndRoute}spec:
  parentRefs: [{name: gateway}]
  rules:
    - backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: ${name}}]
`;

test("a model's requests are shared out among its targets, all else of the body as it was, sticky by session", async () => {
  const server = await startRecordingServer();
  const gateway = await startGateway({
    resources: `${route("llama")}${pool("llama", server.address)}---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: food, annotations: {umbra.dev/sticky: session}}
spec: {modelName: food, poolRef: {name: llama}, targetModels: [{name: food-v1, weight: 70}, {name: food-v2, weight: 30}]}
`,
  });
  try {
    const body = (i: number) =>
      `{"model" : "food","n":1.0,"messages": [{"role":"user","content":"${i}"}]}`;
    await postMany(gateway.origin, 300, 8, body);
    const names = server.received.map((each) => (JSON.parse(each.body) as { model: string }).model);
    const first = names.filter((name) => name === "food-v1").length;
    expect(names.filter((name) => name === "food-v2")).toHaveLength(300 - first);
    // Four standard deviations of 300 draws at 0.7 are 32.
    expect(Math.abs(first - 210)).toBeLessThan(33);
    expect(server.received.map((each) => each.body.replace(/food-v[12]/, "food"))).toContain(
      body(7),
    );
    const before = server.received.length;
    for (let i = 0; i < 20; i++) {
      await post(gateway.origin, body(i), { headers: { "x-session-id": "one conversation" } });
    }
    const sticky = server.received.slice(before).map((each) => /food-v[12]/.exec(each.body)?.[0]);
    expect(new Set(sticky).size).toBe(1);
  } finally {
    await gateway.stop();
    await server.close();
  }
});

test("prompts go where their beginning went, as the pool's EndpointPickerConfig weighs it, and umbra explain tells so", async () => {
  const servers = await startModelServers(4);
  const gateway = await startGateway({
    resources: `${route("llama")}${pool("llama", addresses(servers))}---
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins: [{type: prefix-cache-scorer}, {type: max-score-picker}]
schedulingProfiles: [{name: by-prefix, plugins: [{pluginRef: prefix-cache-scorer, weight: 3}, {pluginRef: max-score-picker}]}]
`,
  });
  try {
    const conversations = Array.from({ length: 12 }, (_, i) => String(i).padEnd(2_000, "abc"));
    const ask = (content: string) =>
      post(
        gateway.origin,
        JSON.stringify({
          model: "/model/llama2",
          max_tokens: 1,
          messages: [{ role: "user", content }],
        }),
      );
    const servedBy = async (content: string): Promise<number> => {
      const counts = () => servers.map(({ server }) => server.state().requestsServed);
      const before = counts();
      expect((await ask(content)).status).toBe(200);
      return counts().findIndex((count, i) => count > (before[i] ?? 0));
    };
    const homes: number[] = [];
    for (const each of conversations) homes.push(await servedBy(each));
    expect(new Set(homes).size).toBeGreaterThan(1);
    for (const [i, each] of conversations.entries()) {
      expect(await servedBy(`${each} and then?`)).toBe(homes[i]);
    }
    const explained = await runUmbra(
      "explain",
      "--admin",
      gateway.admin,
      "--pool",
      "llama",
      "--model",
      "/model/llama2",
    );
    expect(explained.status).toBe(0);
    expect(explained.stdout).toContain("profile by-prefix, picker max-score");
    expect(explained.stdout).toContain("prefix-cache x3");
  } finally {
    await gateway.stop();
    await stopModelServers(servers);
  }
});

test("sheddable requests are refused while the pool is full, with Retry-After; others are served", async () => {
  const servers = await startModelServers(2);
  for (const { server } of servers) server.pinMetrics({ waiting: 20 });
  const gateway = await startGateway({
    resources: `${route("llama")}${pool("llama", addresses(servers))}---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: cheap}
spec: {modelName: sql-lora, criticality: Sheddable, poolRef: {name: llama}}
---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: dear}
spec: {modelName: /model/llama2, criticality: Critical, poolRef: {name: llama}}
`,
  });
  try {
    const cheap = await post(gateway.origin, chat({ model: "sql-lora" }));
    expect(cheap.status).toBe(429);
    expect(cheap.headers["retry-after"]).toBe("1");
    expect(JSON.parse(cheap.text)).toMatchObject({
      error: { type: "rate_limit_error", code: "overloaded" },
    });
    expect((await post(gateway.origin, chat())).status).toBe(200);
    for (const { server } of servers) server.pinMetrics({ waiting: 0 });
    await until(
      "the pool is free",
      async () => (await post(gateway.origin, chat({ model: "sql-lora" }))).status === 200,
    );
  } finally {
    await gateway.stop();
    await stopModelServers(servers);
  }
});

test("with flow control requests wait for their turn, tenants share, and nobody waits for ever or longer than Envoy does", async () => {
  const servers = await startModelServers(1);
  const [only] = servers;
  only?.server.pinMetrics({ waiting: 20 });
  const gateway = await startGateway({
    resources: `${route("llama")}${pool("llama", addresses(servers))}---
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
featureGates: [flowControl]
flowControl: {maxRequests: 6, defaultRequestTTL: 3s}
---
apiVersion: umbra.dev/v1alpha1
kind: EnvoySettings
metadata: {name: settings}
spec: {maxQueueTime: 4s, controlHeaders: Trust}
`,
  });
  try {
    const ask = (tenant: string, signal?: AbortSignal) =>
      post(gateway.origin, chat(), {
        headers: { "x-gateway-inference-fairness-id": tenant },
        ...(signal === undefined ? {} : { signal }),
      });
    const left = new AbortController();
    const gone = ask("gone", left.signal);
    const waiting = Array.from({ length: 5 }, (_, i) => ask(`tenant ${i % 2}`));
    const queued = async () =>
      (await gateway.json<{ pools: { queue?: { requests: number } }[] }>("/v1/pools")).pools[0]
        ?.queue?.requests;
    await until("six wait", async () => (await queued()) === 6);
    const refused = await ask("one too many");
    expect(refused.status).toBe(429);
    expect(Number(refused.headers["retry-after"])).toBeGreaterThanOrEqual(1);
    expect(JSON.parse(refused.text)).toMatchObject({ error: { code: "overloaded" } });
    left.abort();
    expect((await gone).status).toBe(0);
    await until("the client that has left waits no more", async () => (await queued()) === 5);
    only?.server.pinMetrics({ waiting: 0 });
    const answers = await Promise.all(waiting);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    only?.server.pinMetrics({ waiting: 20 });
    await until("the pool is full again", async () => {
      const { pools } = await gateway.json<{ pools: { saturation: number }[] }>("/v1/pools");
      return (pools[0]?.saturation ?? 0) >= 1;
    });
    const late = await ask("late");
    expect(late.status).toBe(429);
    expect(late.tookMs).toBeGreaterThan(2_500);
  } finally {
    await gateway.stop();
    await stopModelServers(servers);
  }
}, 30_000);
