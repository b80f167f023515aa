import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { casesBySize } from "../testing/test-size.ts";
import { chat, post, type Seen } from "./harness/client.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import {
  addresses,
  type ModelServer,
  startModelServers,
  stopModelServers,
} from "./harness/model-servers.ts";
import { gatewayAndRoute, pool, scenario } from "./harness/resources.ts";
import { until } from "./harness/until.ts";

const ref = "{group: inference.networking.k8s.io, kind: InferencePool, name: pool}";
const route = `spec: {parentRefs: [{name: gateway}], rules: [{backendRefs: [${ref}]}]}\n`;
const model = `---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: cheap}
spec: {modelName: sql-lora, criticality: Sheddable, poolRef: {name: pool}}
---
apiVersion: umbra.dev/v1alpha1
kind: EnvoySettings
metadata: {name: edge}
spec: {maxBody: 64Ki, pickTimeout: 500ms}
`;

function withFailureMode(text: string, mode: "FailOpen" | "FailClose"): string {
  return text.replaceAll("failureMode: FailOpen", `failureMode: ${mode}`);
}

const id = expect.stringMatching(/^[0-9a-f-]{36}$/);
const json = { "content-type": "application/json; charset=utf-8", "x-request-id": id };

function codeOf({ text }: Seen): string {
  return (JSON.parse(text) as { readonly error: { readonly code: string } }).error.code;
}

function expectNoErrors(gateway: Gateway): void {
  expect(gateway.envoy.output()).not.toMatch(/\[(error|critical)\]/);
}

describe("the sidecar's refusals reach clients with the headers that docs/errors.md promises", () => {
  let servers: ModelServer[] = [];
  let gateway: Gateway;

  beforeAll(async () => {
    servers = await startModelServers(1);
    servers[0]?.server.pinMetrics({ waiting: 100 });
    gateway = await startGateway({
      resources: gatewayAndRoute + route + pool("pool", addresses(servers)) + model,
    });
  }, 60_000);

  afterAll(async () => {
    await gateway?.stop();
    await stopModelServers(servers);
  });

  test.each([
    { name: "text for a body", body: "text", status: 400, code: "invalid_json", headers: {} },
    {
      name: "a model that is a number",
      body: '{"model":7}',
      status: 400,
      code: "missing_model",
      headers: {},
    },
    {
      name: "an unknown model",
      body: chat({ model: "nobody" }),
      status: 404,
      code: "model_not_found",
      headers: {},
    },
    {
      name: "a body over the limit",
      body: chat({ promptBytes: 70_000 }),
      status: 413,
      code: "request_too_large",
      headers: {},
    },
    {
      name: "a full pool",
      body: chat({ model: "sql-lora" }),
      status: 429,
      code: "overloaded",
      headers: {
        "retry-after": expect.stringMatching(/^[1-9]\d*$/),
        "x-llm-d-request-dropped-reason": "rejected-saturated",
      },
    },
  ])("$name: $status", async ({ body, status, code, headers }) => {
    const seen = await post(gateway.origin, body);
    expect([seen.status, codeOf(seen)]).toEqual([status, code]);
    expect(seen.headers).toMatchObject({ ...json, ...headers });
  });

  test("an encoding that is not known: 415", async () => {
    const seen = await post(gateway.origin, chat(), { headers: { "content-encoding": "lzma" } });
    expect([seen.status, codeOf(seen)]).toEqual([415, "unsupported_content_encoding"]);
    expect(seen.headers).toMatchObject(json);
  });

  test("Envoy has logged no error", () => expectNoErrors(gateway));
});

test("a pool without endpoints, on both lanes: 503 with its reason, and Envoy logs no error", async () => {
  const servers = await startModelServers(1);
  const empty = (side: "primary" | "shadow") =>
    scenario({ primary: addresses(servers), shadow: addresses(servers), [side]: "", models: [] });
  const noEndpoints = 'annotations: {umbra.dev/endpoints: ""}';
  const start = (side: "primary" | "shadow") =>
    startGateway({ resources: empty(side).replace(noEndpoints, "annotations: {a: b}") });
  const [primary, shadow] = await Promise.all([start("primary"), start("shadow")]);
  try {
    const seen = await post(primary.origin, chat());
    expect([seen.status, codeOf(seen)]).toEqual([503, "no_ready_endpoints"]);
    expect(seen.headers).toMatchObject({
      ...json,
      "retry-after": "1",
      "x-llm-d-request-dropped-reason": "rejected-no-endpoints",
    });
    expect((await post(shadow.origin, chat())).status).toBe(200);
    await until("the copy was refused", async () => {
      const refused = await shadow.stat(/^http\.shadow_lane\.downstream_rq_5xx$/);
      return refused === 1;
    });
    for (const gateway of [primary, shadow]) expectNoErrors(gateway);
  } finally {
    await Promise.all([primary.stop(), shadow.stop()]);
    await stopModelServers(servers);
  }
}, 60_000);

describe("Envoy's own refusals have them too", () => {
  const refusals = [
    {
      name: "the sidecar hangs, and the pool fails closed",
      mode: "FailClose" as const,
      signal: "SIGSTOP" as const,
      endpoints: "127.0.0.1:1",
      status: 504,
      code: "picker_timeout",
      headers: { "retry-after": "1" },
    },
    {
      name: "the sidecar is dead, and a pool that fails open has no endpoint",
      mode: "FailOpen" as const,
      signal: "SIGKILL" as const,
      endpoints: "",
      status: 503,
      code: "no_ready_endpoints",
      headers: {
        "retry-after": "1",
        "x-llm-d-request-dropped-reason": "rejected-no-endpoints",
      },
    },
    {
      name: "the sidecar is dead, and the pool fails closed",
      mode: "FailClose" as const,
      signal: "SIGKILL" as const,
      endpoints: "127.0.0.1:1",
      status: 503,
      code: "picker_unavailable",
      headers: { "retry-after": "1" },
    },
  ];
  test.each(casesBySize(refusals, 2))(
    "$name: $status",
    async ({ mode, signal, endpoints, status, code, headers }) => {
      const text = gatewayAndRoute + route + pool("pool", endpoints) + model;
      const resources = withFailureMode(text, mode).replace(/{umbra.dev\/endpoints: ""}/, "{a: b}");
      const gateway = await startGateway({ resources });
      try {
        gateway.sidecar().process.kill(signal);
        let seen = await post(gateway.origin, chat());
        await until("Envoy has noticed", async () => {
          seen = await post(gateway.origin, chat());
          return seen.status === status;
        });
        expect([seen.status, codeOf(seen)]).toEqual([status, code]);
        expect(seen.headers).toMatchObject({ ...json, ...headers });
        expectNoErrors(gateway);
      } finally {
        await gateway.stop();
      }
    },
    30_000,
  );
});
