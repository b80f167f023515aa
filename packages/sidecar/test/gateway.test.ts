import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, test } from "@jest/globals";
import { readTopology, type Topology } from "@umbra/envoy-config";
import { type Sidecar, type SidecarOptions, startSidecar } from "@umbra/sidecar";
import { createSimulatedServer } from "@umbra/simulator";
import { defaultOptions } from "@umbra/simulator/internal";
import pino from "pino";
import {
  createForeignGateway,
  type ForeignGateway,
  type ForeignRequest,
  headerMap,
} from "./foreign-gateway.ts";
import { until } from "./until.ts";

let sidecar: Sidecar | undefined;
let gateway: ForeignGateway | undefined;

afterEach(async () => {
  gateway?.close();
  await sidecar?.close(0);
  sidecar = undefined;
});

interface PoolYaml {
  readonly name?: string;
  readonly endpoints?: string;
  /** Additional documents. */
  readonly more?: string;
}

function poolYaml({ name = "llama", endpoints = "127.0.0.1:9,127.0.0.2:9,[::1]:9" }: PoolYaml) {
  return `apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: ${name}, namespace: ns, annotations: {umbra.dev/endpoints: "${endpoints}"}}
spec: {targetPorts: [{number: 8000}], selector: {matchLabels: {app: ${name}}}, endpointPickerRef: {name: umbra, port: {number: 9002}}}
`;
}

function topologyOf(...pools: readonly PoolYaml[]): Topology {
  const text = pools.map((pool) => `${poolYaml(pool)}${pool.more ?? ""}`).join("---\n");
  const read = readTopology([{ name: "pools.yaml", text }], { isGatewayNeeded: false });
  expect(read.diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
  return read.topology;
}

async function start(
  topology: Topology,
  overrides: Partial<SidecarOptions> = {},
): Promise<(of: ForeignRequest) => ReturnType<ForeignGateway["request"]>> {
  sidecar = await startSidecar({
    topology,
    grpc: "127.0.0.1:0",
    admin: { host: "127.0.0.1", port: 0 },
    log: pino({ level: "silent" }),
    ...overrides,
  });
  const opened = createForeignGateway(sidecar.grpcAddress);
  gateway = opened;
  return (of) => opened.request(of);
}

const chat = {
  headers: { ":path": "/v1/chat/completions", "content-type": "application/json" },
  body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "hi" }] }),
} as const;
const destination = "x-gateway-destination-endpoint";
const codeOf = (body: string | undefined) =>
  (JSON.parse(body ?? "{}") as { error?: { code?: string } }).error?.code;

describe("a third-party gateway", () => {
  test("gets one endpoint of the only pool, in the header and in metadata", async () => {
    const ask = await start(topologyOf({ endpoints: "[::1]:9" }));
    const { headers, metadata, body } = await ask(chat);
    expect(headers).toEqual({ [destination]: "[::1]:9" });
    expect(metadata).toEqual({ "envoy.lb": { [destination]: "[::1]:9" } });
    expect(body).toBe(chat.body);
  });

  test.each([
    { fallbacks: 0, listed: 1 },
    { fallbacks: 1, listed: 2 },
    { fallbacks: 5, listed: 3 },
  ])("gets $listed endpoints with --fallbacks $fallbacks", async ({ fallbacks, listed }) => {
    const ask = await start(topologyOf({}), { fallbacks });
    const { headers, metadata } = await ask(chat);
    const list = headers[destination]?.split(",") ?? [];
    expect(new Set(list).size).toBe(listed);
    expect(list).toHaveLength(listed);
    expect(metadata).toEqual({ "envoy.lb": { [destination]: list.join(",") } });
  });

  test("gets the endpoint under configured names", async () => {
    const names = { destination: "x-to", namespace: "my.lb", subsetNamespace: "my.hint" };
    const ask = await start(topologyOf({}), { gateway: names });
    const metadata = { "my.hint": { "x-to-subset": ["127.0.0.2:9"] } };
    expect(await ask({ ...chat, metadata })).toMatchObject({
      headers: { "x-to": "127.0.0.2:9" },
      metadata: { "my.lb": { "x-to": "127.0.0.2:9" } },
    });
  });

  test.each<{ name: string; hint: unknown; picked: string | undefined }>([
    { name: "a list", hint: ["127.0.0.2:9", 7], picked: "127.0.0.2:9" },
    { name: "a text", hint: " 10.0.0.1:1, 127.0.0.2:9", picked: "127.0.0.2:9" },
    { name: "a host without port", hint: ["127.0.0.2"], picked: "127.0.0.2:9" },
    { name: "IPv6", hint: ["[::1]:9"], picked: "[::1]:9" },
    { name: "IPv6 without brackets", hint: "::1", picked: "[::1]:9" },
    { name: "another port", hint: ["127.0.0.2:10"], picked: undefined },
    { name: "an empty list", hint: [], picked: undefined },
    { name: "an empty text", hint: "", picked: undefined },
    { name: "a number", hint: 5, picked: undefined },
  ])("allows a subset: $name", async ({ hint, picked }) => {
    const ask = await start(topologyOf({}));
    const metadata = { "envoy.lb.subset_hint": { [`${destination}-subset`]: hint as string } };
    for (const sent of [chat, { headers: { ":path": "/v1/models" } }]) {
      const { headers, reply } = await ask({ ...sent, metadata });
      const refusal = reply && {
        status: reply.status,
        code: codeOf(reply.body),
        dropped: reply.headers?.["x-llm-d-request-dropped-reason"],
      };
      const refused = {
        status: 503,
        code: "no_ready_endpoints",
        dropped: "rejected-no-endpoints",
      };
      expect(refusal ?? headers[destination]).toEqual(picked ?? refused);
    }
  });

  test("a request without a body gets an endpoint, or 503 if there is none", async () => {
    const models = { headers: { ":path": "/v1/models" } };
    const ask = await start(topologyOf({}));
    const { headers, metadata, reply } = await ask(models);
    expect(reply).toBeUndefined();
    expect(Object.keys(headers)).toEqual([destination]);
    expect(metadata).toEqual({ "envoy.lb": headers });
    await sidecar?.close(0);
    const empty = topologyOf({});
    const pools = empty.pools.map((pool) => ({ ...pool, endpoints: [] }));
    const askEmpty = await start({ ...empty, pools });
    expect((await askEmpty(models)).reply?.status).toBe(503);
  });

  test.each([
    { id: "a-1:b.c", told: "a-1:b.c" },
    { id: "a b", told: undefined },
    { id: "x".repeat(200), told: undefined },
  ])("a refusal has the request's id: $id", async ({ id, told }) => {
    const ask = await start(topologyOf({}));
    const { reply } = await ask({ headers: { ...chat.headers, "x-request-id": id }, body: "{" });
    expect(reply?.headers["x-request-id"]).toBe(told);
  });

  test("must name its pool if there are several", async () => {
    const several = topologyOf({ name: "a", endpoints: "127.0.0.1:1" }, { name: "b" });
    const ask = await start(several);
    const { reply } = await ask(chat);
    expect([reply?.status, codeOf(reply?.body)]).toEqual([503, "unknown_pool"]);
    await sidecar?.close(0);
    const askA = await start(several, { gateway: { pool: "ns/a" } });
    expect((await askA(chat)).headers).toEqual({ [destination]: "127.0.0.1:1" });
  });

  const inFlight = async () => {
    const answer = await fetch(`http://${sidecar?.adminAddress}/v1/pools`);
    const { pools } = (await answer.json()) as {
      pools: { endpoints: readonly { address: string; inFlight: number }[] }[];
    };
    return pools
      .flatMap(({ endpoints }) => endpoints)
      .filter((each) => each.inFlight > 0)
      .map(({ address }) => address);
  };
  const answered = {
    case: "responseHeaders",
    value: { headers: headerMap({ ":status": "200" }) },
  } as const;

  test.each([
    {
      by: "metadata",
      told: (address: string) => ({
        metadataContext: { filterMetadata: { "envoy.lb": { [`${destination}-served`]: address } } },
      }),
    },
    {
      by: "Envoy's attribute",
      told: (address: string) => ({
        attributes: { "envoy.filters.http.ext_proc": { "upstream.address": address } },
      }),
    },
  ])("reports the serving endpoint by $by, where the request counts", async ({ told }) => {
    const ask = await start(topologyOf({}), { fallbacks: 1 });
    const { headers, stream } = await ask(chat);
    const [picked = "", fallback = ""] = headers[destination]?.split(",") ?? [];
    expect(await inFlight()).toEqual([picked]);
    stream.send({ request: answered, ...told(fallback) });
    expect((await stream.next()).response.case).toBe("responseHeaders");
    expect(await inFlight()).toEqual([fallback]);
    stream.send({
      request: { case: "responseBody", value: { body: Buffer.from("{}"), endOfStream: true } },
    });
    expect((await stream.next()).response.case).toBe("responseBody");
    expect(await inFlight()).toEqual([]);
  });

  test.each([
    { name: "x-llm-d-model-name-rewrite", alias: "x-gateway-model-name-rewrite" },
    { name: "x-gateway-model-name-rewrite", alias: "x-other" },
  ])("names the model for the endpoint by $name", async ({ name, alias }) => {
    const ask = await start(topologyOf({}));
    const headers = { ...chat.headers, [name]: "target", [alias]: "other" };
    const { body } = await ask({ ...chat, headers });
    expect(body).toBe(chat.body.replace('"m"', '"target"'));
    const odd = await ask({ ...chat, headers: { ...chat.headers, [name]: "a".repeat(300) } });
    expect(odd.body).toBe(chat.body);
  });

  test("a rewrite of the pool overrides a client's", async () => {
    const rewrite = `---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: m, namespace: ns}
spec: {modelName: m, poolRef: {name: llama}, targetModels: [{name: m-v2}]}
`;
    const ask = await start(topologyOf({ more: rewrite }));
    const headers = { ...chat.headers, "x-llm-d-model-name-rewrite": "target" };
    expect((await ask({ ...chat, headers })).body).toBe(chat.body.replace('"m"', '"m-v2"'));
  });

  test("a client's rewrite must name a served model, or is refused", async () => {
    const models = `---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: m, namespace: ns}
spec: {modelName: m, poolRef: {name: llama}}
`;
    const ask = await start(topologyOf({ more: models }));
    const headers = { ...chat.headers, "x-llm-d-model-name-rewrite": "secret-lora" };
    const { reply } = await ask({ ...chat, headers });
    expect([reply?.status, codeOf(reply?.body)]).toEqual([404, "model_not_found"]);
    expect((await ask(chat)).body).toBe(chat.body);
  });

  test("a client's rewrite is checked if the pool's weighted rewrite keeps its model", async () => {
    const models = `---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: m, namespace: ns}
spec: {modelName: m, poolRef: {name: llama}, targetModels: [{name: m, weight: 50}, {name: canary, weight: 50}]}
`;
    const ask = await start(topologyOf({ more: models }));
    const headers = { ...chat.headers, "x-llm-d-model-name-rewrite": "secret-lora" };
    const seen = new Set<string>();
    for (let i = 0; i < 60; i++) {
      const { reply, body } = await ask({ ...chat, headers });
      seen.add(reply === undefined ? String(body) : `${reply.status}`);
    }
    expect(seen).toEqual(new Set(["404", chat.body.replace('"m"', '"canary"')]));
  });

  test("without an announced mode is served in full duplex or the configured mode", async () => {
    const ask = await start(topologyOf({}));
    expect((await ask({ ...chat, tellsMode: false })).body).toBe(chat.body);
    await sidecar?.close(0);
    const askBuffered = await start(topologyOf({}), { gateway: { defaultBodyMode: "BUFFERED" } });
    const { headers } = await askBuffered({ ...chat, tellsMode: false, mode: "BUFFERED" });
    expect(Object.keys(headers)).toEqual([destination]);
  });

  const packed = gzipSync(chat.body);
  const gzipped = { ...chat.headers, "content-encoding": "gzip" };

  test.each(["FULL_DUPLEX_STREAMED", "BUFFERED"] as const)(
    "a compressed body is forwarded unchanged, in mode %s",
    async (mode) => {
      const ask = await start(topologyOf({}));
      const { headers, removed, body } = await ask({ mode, headers: gzipped, body: packed });
      expect(headers).toMatchObject({ "content-length": String(chat.body.length) });
      expect(Object.keys(headers)).toContain(destination);
      expect(removed).toEqual(["content-encoding"]);
      expect(body).toBe(chat.body);
      const renamed = { ...gzipped, "x-llm-d-model-name-rewrite": "target" };
      const { body: withName } = await ask({ mode, headers: renamed, body: packed });
      expect(withName).toBe(chat.body.replace('"m"', '"target"'));
    },
  );

  test.each<{ name: string; coding: string; body: Uint8Array; status: number; code: string }>([
    {
      name: "broken",
      coding: "gzip",
      body: packed.subarray(0, 20),
      status: 400,
      code: "invalid_content_encoding",
    },
    {
      name: "a compression bomb",
      coding: "gzip",
      body: gzipSync(Buffer.alloc(200_000)),
      status: 413,
      code: "request_too_large",
    },
    {
      name: "compressed otherwise",
      coding: "compress",
      body: packed,
      status: 415,
      code: "unsupported_content_encoding",
    },
    {
      name: "compressed, but not JSON",
      coding: "gzip",
      body: gzipSync("{"),
      status: 400,
      code: "invalid_json",
    },
  ])("a body that is $name is answered $status", async ({ coding, body, status, code }) => {
    const ask = await start(topologyOf({}), { maxBodyBytes: 100_000 });
    const headers = { ...chat.headers, "content-encoding": coding };
    const { reply } = await ask({ mode: "BUFFERED", headers, body });
    expect([reply?.status, codeOf(reply?.body)]).toEqual([status, code]);
  });

  test("an unread body may be compressed in any way", async () => {
    const ask = await start(topologyOf({}));
    const headers = { ...chat.headers, "content-encoding": "compress" };
    for (const mode of ["NONE", "STREAMED"] as const) {
      const { reply, headers: set } = await ask({ mode, headers, body: packed });
      expect(reply).toBeUndefined();
      expect(Object.keys(set)).toEqual([destination]);
    }
  });

  const formHeaders = {
    ":path": "/v1/audio/transcriptions",
    "content-type": "multipart/form-data; boundary=b",
  };
  const part = (name: string, value: string) =>
    `--b\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;

  test("a form contains its model, which can be rewritten", async () => {
    const ask = await start(
      topologyOf({
        more: `---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: m, namespace: ns}
spec: {modelName: whisper, poolRef: {name: llama}, targetModels: [{name: whisper-v2}]}
`,
      }),
    );
    const body = `${part("file", "RIFF")}${part("model", "whisper")}--b--\r\n`;
    const sent = await ask({ headers: formHeaders, body });
    expect(sent.body).toBe(body.replace("whisper", "whisper-v2"));
    const unknown = await ask({ headers: formHeaders, body: body.replace("whisper", "nobody") });
    expect([unknown.reply?.status, codeOf(unknown.reply?.body)]).toEqual([404, "model_not_found"]);
  });

  test.each([
    {
      name: "with an invalid model",
      body: `${part("model", "a\u0000b")}--b--\r\n`,
      code: "invalid_model",
    },
    { name: "that is not a form", body: "RIFF", code: "invalid_form" },
  ])("a form $name gets 400 if the path needs a model", async ({ body, code }) => {
    const ask = await start(topologyOf({}));
    const { reply } = await ask({ headers: formHeaders, body });
    expect([reply?.status, codeOf(reply?.body)]).toEqual([400, code]);
    const elsewhere = await ask({ headers: { ...formHeaders, ":path": "/v1/files" }, body });
    expect(elsewhere.reply).toBeUndefined();
    expect(elsewhere.body).toBe(body);
  });

  test.each([
    "/v1/completions",
    "/v1/embeddings",
    "/v1/responses",
    "/v1/rerank",
    "/v1/score",
    "/v1/audio/speech",
  ])("%s has a string model or none", async (path) => {
    const ask = await start(topologyOf({}));
    const headers = { ":path": path, "content-type": "application/json" };
    expect((await ask({ headers, body: '{"model":"m","input":"x"}' })).reply).toBeUndefined();
    expect((await ask({ headers, body: '{"input":"x"}' })).reply).toBeUndefined();
    const { reply } = await ask({ headers, body: '{"model":7,"input":"x"}' });
    expect([reply?.status, codeOf(reply?.body)]).toEqual([400, "missing_model"]);
  });

  test.each([
    { header: "x-llm-d-inference-objective", status: 429 },
    { header: "x-gateway-inference-objective", status: 429 },
    { header: "x-other", status: undefined },
  ])("the objective in $header decides what may be shed", async ({ header, status }) => {
    const objective = `---
apiVersion: llm-d.ai/v1alpha2
kind: InferenceObjective
metadata: {name: batch, namespace: ns}
spec: {priority: -1, poolRef: {name: llama}}
`;
    const server = createSimulatedServer({ ...defaultOptions, model: "m", timeScale: 0 });
    server.pinMetrics({ waiting: 50 });
    const endpoints = await server.listen(0, "127.0.0.1");
    try {
      const ask = await start(topologyOf({ endpoints, more: objective }), { scrapeIntervalMs: 10 });
      await until(async () => (await fetch(`http://${sidecar?.adminAddress}/readyz`)).ok);
      const { reply } = await ask({ ...chat, headers: { ...chat.headers, [header]: "batch" } });
      expect(reply?.status).toBe(status);
      if (status === undefined) return;
      expect(reply?.headers).toMatchObject({
        "x-llm-d-request-dropped-reason": "rejected-saturated",
        "retry-after": "1",
      });
    } finally {
      await server.close();
    }
  });

  test("detects a failing endpoint from answers", async () => {
    const ask = await start(topologyOf({ endpoints: "127.0.0.1:9,127.0.0.2:9" }));
    const metadata = { "envoy.lb.subset_hint": { [`${destination}-subset`]: ["127.0.0.1:9"] } };
    for (let i = 0; i < 5; i++) {
      const { stream } = await ask({ ...chat, metadata });
      const failed = { ...answered, value: { headers: headerMap({ ":status": "500" }) } };
      stream.send({ request: failed });
      await stream.next();
      await stream.end();
    }
    for (let i = 0; i < 5; i++) {
      expect((await ask(chat)).headers[destination]).toBe("127.0.0.2:9");
    }
  });

  test.each(["NONE", "STREAMED", "BUFFERED", "BUFFERED_PARTIAL"] as const)(
    "gets answers in mode %s",
    async (mode) => {
      const ask = await start(topologyOf({ endpoints: "127.0.0.1:1" }));
      expect(await ask({ ...chat, mode })).toMatchObject({
        headers: { [destination]: "127.0.0.1:1" },
        metadata: { "envoy.lb": { [destination]: "127.0.0.1:1" } },
      });
    },
  );
});
