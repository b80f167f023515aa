import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { propagation, trace } from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  ParentBasedSampler,
  type ReadableSpan,
  SimpleSpanProcessor,
  TraceIdRatioBasedSampler,
} from "@opentelemetry/sdk-trace-base";
import { directTopology } from "@umbra/envoy-config";
import { type Sidecar, type SidecarOptions, startSidecar } from "@umbra/sidecar";
import pino from "pino";
import { createEnvoyClient, type EnvoyClient } from "./envoy-client.ts";

/** Must never be seen outside. */
const canary = "canary-3f9a1c";
const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const topology = directTopology({
  primary: ["127.0.0.1:9"],
  shadow: ["127.0.0.1:10"],
  port: 80,
});
const served = {
  ...topology,
  pools: topology.pools.map((pool) => ({
    ...pool,
    models: [{ name: "base", criticality: "Standard" as const }],
  })),
};
const primary = {
  lane: "primary" as const,
  pool: "default/primary",
  mirrors: "default/direct/0/mirror/0",
};
/** Its answer is not measured, so its span ends with the request. */
const unmirrored = { ...primary, mirrors: "" };

let exporter: InMemorySpanExporter;
let sidecar: Sidecar | undefined;
let envoy: EnvoyClient;
let lines: string[];

async function start(overrides: Partial<SidecarOptions> = {}): Promise<void> {
  lines = [];
  sidecar = await startSidecar({
    topology: served,
    grpc: "127.0.0.1:0",
    admin: { host: "127.0.0.1", port: 0 },
    log: pino({ level: "trace", base: null }, { write: (line: string) => lines.push(line) }),
    ...overrides,
  });
  envoy = createEnvoyClient(sidecar.grpcAddress);
}

function register(ratio: number): void {
  exporter = new InMemorySpanExporter();
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({
      sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
      spanProcessors: [new SimpleSpanProcessor(exporter)],
    }),
  );
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
}

afterEach(async () => {
  envoy.close();
  await sidecar?.close(0);
  sidecar = undefined;
  trace.disable();
  propagation.disable();
});

const headersOf = (more: Readonly<Record<string, string>> = {}) => ({
  ":method": "POST",
  ":path": `/v1/chat/completions?key=${canary}`,
  "content-type": "application/json",
  "x-request-id": "request-1",
  "x-session-id": canary,
  "x-umbra-odd": canary,
  "x-llm-d-inference-fairness-id": `${canary} of a client`,
  ...more,
});
const bodyOf = (model: string) =>
  JSON.stringify({ model, stream: true, messages: [{ role: "user", content: canary }] });
const event = (data: object) => `data: ${JSON.stringify(data)}\n\n`;
const answer = [
  event({ id: "c-1", model: "base", choices: [{ index: 0, delta: { content: canary } }] }),
  event({ choices: [{ index: 0, delta: { content: "b" }, finish_reason: "stop" }] }),
  event({ choices: [], usage: { prompt_tokens: 11, completion_tokens: 2 } }),
  "data: [DONE]\n\n",
];

async function page(): Promise<string> {
  return (await fetch(`http://${sidecar?.adminAddress}/metrics`)).text();
}

/** Waits for a line of the page, because streams report asynchronously. */
async function shows(line: string): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!(await page()).includes(line)) {
    if (performance.now() > deadline) throw new Error(`the page never had ${line}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function spans(count: number): Promise<readonly ReadableSpan[]> {
  const deadline = performance.now() + 15_000;
  while (exporter.getFinishedSpans().length < count) {
    if (performance.now() > deadline) throw new Error(`there never were ${count} spans`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return exporter.getFinishedSpans();
}

describe("with an OpenTelemetry SDK", () => {
  beforeEach(async () => {
    register(1);
    await start({ traces: true, compatMetrics: true });
  });

  test("a request's span is the child of the client's and the parent of the endpoint's", async () => {
    const headers = headersOf({ traceparent: parent, tracestate: "vendor=1" });
    const picked = await envoy.pick(primary, { headers, body: bodyOf("base") });
    await envoy.observe(primary, headers, answer);
    await picked.end();
    const [pick, request] = await spans(2);
    expect(pick?.name).toBe("pick");
    expect(request).toMatchObject({
      name: "gateway.request",
      parentSpanContext: { traceId: parent.slice(3, 35), spanId: parent.slice(36, 52) },
    });
    expect(pick?.parentSpanContext?.spanId).toBe(request?.spanContext().spanId);
    expect(picked.headers).toMatchObject({
      "x-gateway-destination-endpoint": "127.0.0.1:9",
      traceparent: `00-${parent.slice(3, 35)}-${request?.spanContext().spanId}-01`,
      tracestate: "vendor=1",
    });
    expect(request?.attributes).toEqual({
      "umbra.lane": "primary",
      "umbra.pool": "default/primary",
      "umbra.outcome": "picked",
      "umbra.stream": true,
      "umbra.stream.outcome": "complete",
      "umbra.answer.class": "ok",
      "umbra.ttft_ms": expect.any(Number),
      "gen_ai.operation.name": "chat",
      "gen_ai.request.model": "base",
      "gen_ai.usage.input_tokens": 11,
      "gen_ai.usage.output_tokens": 2,
      "gen_ai.response.finish_reasons": ["stop"],
      "http.request.body.size": bodyOf("base").length,
      "http.response.status_code": 200,
      "server.address": "127.0.0.1",
      "server.port": 9,
    });
    for (const span of [pick, request]) {
      const tookS = (span?.duration[0] ?? -1) + (span?.duration[1] ?? 0) / 1e9;
      expect(tookS).toBeGreaterThanOrEqual(0);
      expect(tookS).toBeLessThan(60);
    }
  });

  test.each([
    undefined,
    `${parent}-more`,
    "00-zz",
    `ff${parent.slice(2)}`,
    parent.toUpperCase(),
    `${parent},${parent}`,
    `00-${"0".repeat(32)}-b7ad6b7169203331-01`,
    `00-0af7651916cd43dd8448eb211c80319c-${"0".repeat(16)}-01`,
  ])("a new trace starts if the client's is %s, and its state is dropped", async (traceparent) => {
    const more = traceparent === undefined ? {} : { traceparent };
    const picked = await envoy.pick(unmirrored, {
      headers: headersOf({ ...more, tracestate: "vendor=1" }),
      body: bodyOf("base"),
    });
    await picked.end();
    const [, request] = await spans(2);
    expect(request?.parentSpanContext).toBeUndefined();
    expect(picked.headers.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(picked.headers.tracestate).toBe("");
  });

  test("a trace of a later version is continued", async () => {
    const headers = headersOf({ traceparent: `cc${parent.slice(2)}-more` });
    const picked = await envoy.pick(unmirrored, { headers, body: bodyOf("base") });
    await picked.end();
    const [, request] = await spans(2);
    expect(request?.parentSpanContext?.spanId).toBe(parent.slice(36, 52));
  });

  test("a trace that is not sampled is not recorded, and its headers are kept", async () => {
    const headers = headersOf({ traceparent: parent.replace(/01$/, "00") });
    const picked = await envoy.pick(primary, { headers, body: bodyOf("base") });
    await picked.end();
    expect(picked.headers).not.toHaveProperty("traceparent");
    expect(exporter.getFinishedSpans()).toEqual([]);
  });

  test("a refusal is recorded as one", async () => {
    const picked = await envoy.pick(primary, { headers: headersOf(), body: bodyOf(canary) });
    expect(picked.reply).toContain("model_not_found");
    await picked.end();
    const [, request] = await spans(2);
    expect(request?.attributes).toMatchObject({
      "umbra.outcome": "model_not_found",
      "error.type": "model_not_found",
      "http.response.status_code": 404,
      "gen_ai.request.model": "other",
    });
  });

  test("no text of a request appears in logs, metrics or traces", async () => {
    const mirror = headersOf({ traceparent: parent, authorization: canary, cookie: canary });
    const picked = await envoy.pick(primary, { headers: mirror, body: bodyOf("base") });
    await envoy.observe(primary, mirror, answer);
    await picked.end();
    for (const body of [
      bodyOf(canary),
      `{"model": ${canary}`,
      `{"model": 1, "${canary}": 1}`,
      canary,
    ]) {
      const refused = await envoy.pick(primary, {
        headers: headersOf({ "x-request-id": `${canary} ${body.length}` }),
        body,
      });
      expect(refused.reply).toContain('"error"');
      await refused.end();
    }
    const all = await spans(10);
    const told = JSON.stringify(
      all.map(({ name, attributes, events, status }) => ({ name, attributes, events, status })),
    );
    expect(`${told}${lines.join("")}${await page()}`).not.toContain(canary);
    expect(lines.filter((line) => line.includes('"msg":"request"')).length).toBeGreaterThan(2);
  });

  test("metrics report it under both names", async () => {
    const headers = headersOf({ "x-llm-d-inference-fairness-id": "tenant-7" });
    const picked = await envoy.pick(primary, { headers, body: bodyOf("base") });
    const own = 'lane="primary",pool="default/primary"';
    const twin = 'model_name="base",target_model_name="base",fairness_id="tenant-7",priority="0"';
    await shows(`umbra_requests_running{${own}} 1`);
    await shows(`llm_d_epp_request_running{${twin}} 1`);
    await envoy.observe(primary, headers, answer);
    await picked.end();
    const refused = await envoy.pick(primary, { headers, body: bodyOf(canary) });
    await refused.end();
    for (const line of [
      `umbra_requests_total{${own},model="base",target_model="base"} 1`,
      `umbra_requests_total{${own},model="other",target_model="other"} 1`,
      `umbra_request_errors_total{${own},code="model_not_found"} 1`,
      `umbra_requests_running{${own}} 0`,
      `umbra_endpoint_picks_total{${own},endpoint="127.0.0.1:9"} 1`,
      `umbra_answers_total{${own},class="ok"} 1`,
      `umbra_ttft_seconds_count{${own}} 1`,
      `umbra_input_tokens_sum{${own}} 11`,
      `umbra_output_tokens_sum{${own}} 2`,
      `umbra_request_duration_seconds_count{${own}} 1`,
      'umbra_streams_total{kind="pick",outcome="complete"} 2',
      'umbra_open_streams{kind="pick"} 0',
      `llm_d_epp_request_total{${twin}} 1`,
      'llm_d_epp_request_error_total{model_name="other",target_model_name="other",fairness_id="tenant-7",priority="0",error_code="NotFound"} 1',
      `llm_d_epp_request_ttft_seconds_count{${twin},streaming="true"} 1`,
      `llm_d_epp_request_input_tokens_sum{${twin}} 11`,
      `llm_d_epp_request_duration_seconds_count{${twin}} 1`,
      'llm_d_epp_scheduler_attempts_total{status="success",target_model_name="base",endpoint_name="127.0.0.1",namespace="default",port="9"} 1',
      "llm_d_epp_scheduler_e2e_duration_seconds_count 1",
      'llm_d_epp_extproc_streams_total{code="OK"} 3',
      'llm_d_epp_ready_endpoints{name="default/primary"} 0',
    ]) {
      await shows(line);
    }
  });
});

test("without --traces no header is changed, with any SDK", async () => {
  register(1);
  await start();
  const headers = headersOf({ traceparent: parent });
  const picked = await envoy.pick(primary, { headers, body: bodyOf("base") });
  await picked.end();
  expect(picked.headers).not.toHaveProperty("traceparent");
  expect(exporter.getFinishedSpans()).toEqual([]);
});

test("traces without an SDK are reported", async () => {
  await start({ traces: true });
  expect(lines.join("")).toContain("no OpenTelemetry SDK is loaded");
  const picked = await envoy.pick(primary, { headers: headersOf(), body: bodyOf("base") });
  await picked.end();
  expect(picked.headers).not.toHaveProperty("traceparent");
});

test("a merged model list is counted and logged as such", async () => {
  register(1);
  const servers = ["one", "two"].map((id) =>
    createServer((request, response) =>
      response.writeHead(request.url === "/v1/models" ? 200 : 404).end(`{"data":[{"id":"${id}"}]}`),
    ),
  );
  try {
    for (const server of servers) {
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    }
    const addresses = servers.map(
      (server) => `127.0.0.1:${(server.address() as AddressInfo).port}`,
    );
    const live = directTopology({ primary: addresses, shadow: [], port: 80 });
    await start({ topology: live, compatMetrics: true, traces: true });
    const headers = { ...headersOf(), ":method": "GET", ":path": "/v1/models" };
    let reply: string | undefined;
    while (reply === undefined) {
      const asked = await envoy.pick({ ...unmirrored }, { headers, body: "" });
      reply = asked.reply;
      await asked.end();
    }
    expect(JSON.parse(reply)).toMatchObject({ data: [{}, {}] });
    await shows(
      'umbra_picks_total{lane="primary",pool="default/primary",outcome="model_list"} 1\n',
    );
    expect(await page()).not.toMatch(/_errors?_total\{.*model_list|request_error_total\{/);
    const line = lines.find((each) => each.includes('"outcome":"model_list"'));
    expect(JSON.parse(line ?? "{}")).toMatchObject({ level: 20, msg: "request", lane: "primary" });
    const span = exporter.getFinishedSpans().findLast(({ name }) => name !== "pick");
    expect(span?.attributes).toMatchObject({
      "umbra.outcome": "model_list",
      "http.response.status_code": 200,
    });
    expect(span?.attributes).not.toHaveProperty("error.type");
  } finally {
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  }
});

test("at info level, one refusal per second is logged with the number of suppressed ones", async () => {
  await start({
    log: pino({ level: "info", base: null }, { write: (line: string) => lines.push(line) }),
  });
  for (let i = 0; i < 5; i++) {
    const refused = await envoy.pick(primary, { headers: headersOf(), body: bodyOf("nobody's") });
    await refused.end();
  }
  const said = lines.map((line) => JSON.parse(line) as object);
  expect(said.filter((line) => "outcome" in line)).toEqual([
    expect.objectContaining({
      level: 30,
      msg: "a request was refused",
      outcome: "model_not_found",
      requestId: "request-1",
      notLogged: 0,
    }),
  ]);
});
