import { afterEach, describe, expect, test } from "@jest/globals";
import { readTopology } from "@umbra/envoy-config";
import { type Sidecar, startSidecar } from "@umbra/sidecar";
import { createSimulatedServer } from "@umbra/simulator";
import { defaultOptions } from "@umbra/simulator/internal";
import pino from "pino";
import { createEnvoyClient, type EnvoyClient, type StreamOf } from "./envoy-client.ts";
import { until } from "./until.ts";

let sidecar: Sidecar | undefined;
let envoy: EnvoyClient | undefined;

afterEach(async () => {
  envoy?.close();
  await sidecar?.close(0);
  sidecar = undefined;
});

interface Scenario {
  /** The rule's URLRewrite, and its match's prefix. */
  readonly replace?: { readonly prefix: string; readonly by: string };
  /** Part of the ShadowPolicy's spec; absent: no policy. */
  readonly policy?: string;
  /** Additional documents. */
  readonly models?: string;
  readonly annotations?: string;
  /** The primary's endpoint. */
  readonly live?: string;
}

function resources({
  replace,
  policy,
  models = "",
  annotations = "",
  live = "127.0.0.1:9",
}: Scenario): string {
  const ref = (name: string) =>
    `{group: inference.networking.k8s.io, kind: InferencePool, name: ${name}}`;
  const pool = (name: string, endpoint: string, more: string) => `---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: ${name}, annotations: {umbra.dev/endpoints: "${endpoint}"${more}}}
spec: {targetPorts: [{number: 8000}], selector: {matchLabels: {app: ${name}}}, endpointPickerRef: {name: umbra, port: {number: 9002}}}
`;
  const rewrite =
    replace === undefined
      ? ""
      : `{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: ${replace.by}}}}, `;
  return `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g}
spec: {gatewayClassName: umbra, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec:
  parentRefs: [{name: g}]
  rules:
    - matches: [{path: {type: PathPrefix, value: ${replace?.prefix ?? "/"}}}]
      backendRefs: [${ref("live")}]
      filters: [${rewrite}{type: RequestMirror, requestMirror: {backendRef: ${ref("shadow")}}}]
${
  policy === undefined
    ? ""
    : `---
apiVersion: umbra.dev/v1alpha1
kind: ShadowPolicy
metadata: {name: p}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}]
  sampling: {percent: 100}
${policy}
`
}${pool("live", live, annotations)}${pool("shadow", "127.0.0.1:10", "")}${models}`;
}

async function start(scenario: Scenario): Promise<EnvoyClient> {
  const read = readTopology([{ name: "a.yaml", text: resources(scenario) }]);
  expect(read.diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
  sidecar = await startSidecar({
    topology: read.topology,
    grpc: "127.0.0.1:0",
    admin: { host: "127.0.0.1", port: 0 },
    log: pino({ level: "silent" }),
  });
  envoy = createEnvoyClient(sidecar.grpcAddress);
  return envoy;
}

interface MirrorLine {
  readonly inFlight: number;
  readonly eligible: number;
  readonly mirrored: number;
  readonly notEligible: Readonly<Record<string, number>>;
}

async function admin<T>(path: string): Promise<T> {
  return (await (await fetch(`http://${sidecar?.adminAddress}${path}`)).json()) as T;
}

async function mirrorLine(): Promise<MirrorLine> {
  const { mirrors } = await admin<{ readonly mirrors: readonly MirrorLine[] }>("/v1/mirrors");
  const [mirror] = mirrors;
  if (mirror === undefined) throw new Error("there is no mirror");
  return mirror;
}

const mirrors = "default/r/0/mirror/0";
const primary: StreamOf = { lane: "primary", pool: "default/live", mirrors };
const shadow: StreamOf = { lane: "shadow", pool: "default/shadow", mirrors };
const rewrittenPrimary: StreamOf = { ...primary, rewrittenBy: "default/r/0/0" };
const chat = "/v1/chat/completions";

function sent(more: Readonly<Record<string, string>> = {}, body: object = {}) {
  const headers = {
    ":method": "POST",
    ":path": chat,
    "content-type": "application/json",
    "x-request-id": "r1",
    ...more,
  };
  return { headers, body: JSON.stringify({ model: "m", messages: [], ...body }) };
}

const answer = [
  'data: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}\n\n',
  "data: [DONE]\n\n",
];

describe("a request whose path is rewritten", () => {
  test.each<{ name: string; policy?: string; path: string; to: string }>([
    { name: "without a policy", path: `/ns/model${chat}`, to: "/" },
    { name: "with a policy", policy: "  budget: {}", path: `/ns/model${chat}`, to: "/" },
    { name: "with a query", policy: "  budget: {}", path: `/ns/model${chat}?a=/b`, to: "/" },
    {
      name: "to an OpenAI path from another server's path",
      policy: "  budget: {}",
      path: "/ns/model/chat/completions",
      to: "/v1",
    },
    {
      name: "with a policy that names the client's path",
      policy: `  eligible: {paths: [/ns/model${chat}]}`,
      path: `/ns/model${chat}`,
      to: "/",
    },
    {
      name: "with a policy that names the endpoint's path",
      policy: `  eligible: {paths: [${chat}]}`,
      path: `/ns/model${chat}`,
      to: "/",
    },
  ])("is mirrored, measured and paired: $name", async ({ policy, path, to }) => {
    const client = await start({
      replace: { prefix: "/ns/model", by: to },
      ...(policy === undefined ? {} : { policy }),
    });
    const picked = await client.pick(rewrittenPrimary, sent({ ":path": path }));
    expect(picked.reply).toBeUndefined();
    expect(picked.headers["x-umbra-to-0"]).toBe(`lane/${mirrors}`);
    const twin = await client.pick(shadow, sent());
    await client.observe(primary, sent().headers, answer);
    await client.observe(shadow, sent().headers, answer);
    await Promise.all([picked.end(), twin.end()]);
    await until(async () => {
      const { pairs } = await admin<{ readonly pairs: readonly unknown[] }>("/v1/pairs");
      return pairs.length === 1;
    });
    expect(await mirrorLine()).toMatchObject({ eligible: 1, mirrored: 1, notEligible: {} });
  });

  test("must name a model if the endpoint's path needs it, and is refused in its format", async () => {
    const client = await start({ replace: { prefix: "/ns/model", by: "/" } });
    const body = { model: 7 };
    const path = "/ns/model/v1/messages";
    const refused = await client.pick(rewrittenPrimary, sent({ ":path": path }, body));
    expect(JSON.parse(refused.reply ?? "")).toEqual({
      type: "error",
      error: { type: "invalid_request_error", message: expect.any(String) },
    });
    await refused.end();
  });
});

test("concurrent requests with one id each return their budget, and one of them is paired", async () => {
  const client = await start({ policy: "  budget: {}" });
  const streams = [];
  for (const lane of [primary, primary, shadow, shadow]) {
    streams.push(await client.pick(lane, sent()));
  }
  expect(await mirrorLine()).toMatchObject({ mirrored: 2, inFlight: 2 });
  for (const lane of [primary, primary, shadow, shadow]) {
    await client.observe(lane, sent().headers, answer);
  }
  for (const stream of streams) await stream.end();
  await until(async () => (await mirrorLine()).inFlight === 0);
  const { pairs } = await admin<{ readonly pairs: readonly unknown[] }>("/v1/pairs");
  expect(pairs).toHaveLength(1);
});

describe("ineligible requests are counted", () => {
  test.each([
    { reason: "method", more: { ":method": "GET" }, body: {} },
    { reason: "path", more: { ":path": "/v1/embeddings" }, body: {} },
    { reason: "model", more: {}, body: { model: "other" } },
    { reason: "header", more: { "x-umbra-tier": "paid" }, body: {} },
    { reason: "stateful", more: { "x-umbra-tier": "free" }, body: { store: true } },
    { reason: "server_tools", more: { "x-umbra-tier": "free" }, body: { mcp_servers: [{}] } },
  ])("for its $reason, in /v1/mirrors and in metrics", async ({ reason, more, body }) => {
    const client = await start({
      policy: "  eligible: {models: [m], headers: {x-umbra-tier: free}}",
    });
    const picked = await client.pick(primary, sent(more, body));
    expect(picked.headers["x-umbra-to-0"]).toBeUndefined();
    await picked.end();
    expect((await mirrorLine()).notEligible).toEqual({ [reason]: 1 });
    const page = await (await fetch(`http://${sidecar?.adminAddress}/metrics`)).text();
    expect(page).toContain(
      `umbra_shadow_not_eligible_total{candidate="default/shadow",reason="${reason}"} 1`,
    );
  });
});

const models = `---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: m}
spec: {modelName: m, criticality: Critical, poolRef: {name: live}, targetModels: [{name: m-v2}]}
`;

describe("a request whose model is renamed for the primary", () => {
  test.each([
    { name: "model", eligible: "models: [m]" },
    { name: "priority", eligible: "priorities: [Critical]" },
  ])("is eligible by the client's $name", async ({ eligible }) => {
    const client = await start({ models, policy: `  eligible: {${eligible}}` });
    const picked = await client.pick(primary, sent());
    expect(JSON.parse(picked.body ?? "{}")).toMatchObject({ model: "m-v2" });
    expect(picked.headers["x-umbra-to-0"]).toBe(`lane/${mirrors}`);
    await picked.end();
  });

  test.each([
    { name: "the client's name", rewrite: "m: m-shadow", want: "m-shadow" },
    { name: "the primary's name", rewrite: "m-v2: m-shadow", want: "m-shadow" },
    { name: "both, the client's first", rewrite: "m: one, m-v2: two", want: "one" },
    { name: "neither", rewrite: "x: y", want: undefined },
  ])("has its twin's model rewritten by $name", async ({ rewrite, want }) => {
    const client = await start({ models, policy: `  rewrite: {model: {${rewrite}}}` });
    const picked = await client.pick(primary, sent());
    const twin = await client.pick(shadow, sent({}, { model: "m-v2" }));
    const { model } = JSON.parse(twin.body ?? "{}") as { readonly model?: string };
    expect(model).toBe(want);
    await Promise.all([picked.end(), twin.end()]);
  });
});

describe("a request without a model", () => {
  const bodies = [{ messages: [] }, { model: null }, { model: "" }];

  test.each([
    { name: "the annotation's", scenario: { annotations: ", umbra.dev/model: m" } },
    { name: "the only InferenceModel's", scenario: { models } },
  ])("gets the pool's only model, $name", async ({ scenario }) => {
    const client = await start({ ...scenario, policy: "  eligible: {models: [m]}" });
    for (const [i, body] of bodies.entries()) {
      const request = sent({ "x-request-id": `r${i}` }, { model: undefined, ...body });
      const picked = await client.pick(primary, request);
      expect(picked.reply).toBeUndefined();
      await picked.end();
    }
    expect(await mirrorLine()).toMatchObject({ eligible: 3, notEligible: {} });
  });

  test.each([
    { name: "alone", of: {} },
    { name: "and not an adapter of an InferenceModel", of: { models } },
  ])("gets the only base model that the endpoints list, $name", async ({ of }) => {
    const server = createSimulatedServer({ ...defaultOptions, model: "base", timeScale: 0 });
    try {
      const live = await server.listen(0, "127.0.0.1");
      const client = await start({ ...of, live, policy: "  eligible: {models: [base]}" });
      let count = 0;
      // The list is read soon, not immediately.
      await until(async () => {
        const request = sent({ "x-request-id": `r${count++}` }, { model: undefined });
        await (await client.pick(primary, request)).end();
        return (await mirrorLine()).eligible === 1;
      });
      expect(await mirrorLine()).toMatchObject({ eligible: 1, mirrored: 1 });
    } finally {
      await server.close();
    }
  });

  test("is forwarded without a model if no list was read: the endpoint has its own", async () => {
    const second = models
      .replaceAll("name: m}", "name: n}")
      .replace("modelName: m", "modelName: n");
    for (const scenario of [{}, { models: `${models}${second}` }]) {
      const client = await start(scenario);
      for (const body of bodies) {
        const picked = await client.pick(primary, sent({}, { model: undefined, ...body }));
        expect([picked.reply, picked.body]).toEqual([undefined, undefined]);
        await picked.end();
      }
      client.close();
      await sidecar?.close(0);
    }
  });

  test("is mirrored without a model too: the shadow's own model serves the twin", async () => {
    const client = await start({ annotations: ", umbra.dev/model: m" });
    const twin = await client.pick(shadow, sent({}, { model: undefined }));
    expect(twin.reply).toBeUndefined();
    await twin.end();
  });
});

describe("a body", () => {
  test.each([
    { name: "with a byte order mark is accepted", body: '\ufeff{"model":"m"}', code: undefined },
    { name: "with two is rejected", body: '\ufeff\ufeff{"model":"m"}', code: "invalid_json" },
  ])("$name", async ({ body, code }) => {
    const client = await start({});
    const picked = await client.pick(primary, { ...sent(), body });
    const said = JSON.parse(picked.reply ?? "{}") as { readonly error?: { readonly code: string } };
    expect(said.error?.code).toBe(code);
    await picked.end();
  });
});
