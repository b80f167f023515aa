import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { chat, post } from "./harness/client.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import {
  addresses,
  type ModelServer,
  startModelServers,
  stopModelServers,
} from "./harness/model-servers.ts";
import { scenario } from "./harness/resources.ts";
import { until } from "./harness/until.ts";

const MiB = 1024 * 1024;

describe("bad input on a real Envoy", () => {
  let primary: ModelServer[] = [];
  let shadow: ModelServer[] = [];
  let gateway: Gateway;

  beforeAll(async () => {
    primary = await startModelServers(1);
    shadow = await startModelServers(1);
    gateway = await startGateway({
      resources: scenario({ primary: addresses(primary), shadow: addresses(shadow) }),
    });
  }, 60_000);

  afterAll(async () => {
    await gateway?.stop();
    await stopModelServers([...primary, ...shadow]);
  });

  test.each([
    { name: "a body cut short", body: '{"model":', status: 400, code: "invalid_json", param: null },
    { name: "no body", body: "", status: 400, code: "invalid_json", param: null },
    { name: "text", body: "introduce yourself", status: 400, code: "invalid_json", param: null },
    { name: "an array", body: "[1]", status: 400, code: "invalid_json_type", param: null },
    { name: "null", body: "null", status: 400, code: "invalid_json_type", param: null },
    {
      name: "text in Latin-1",
      body: Buffer.from('{"model":"/model/llama2","messages":"f\u00fcr"}', "latin1"),
      status: 400,
      code: "invalid_json",
      param: null,
    },
    {
      name: "a number as model",
      body: '{"model":7}',
      status: 400,
      code: "missing_model",
      param: "model",
    },
    {
      name: "a model with CR LF",
      body: '{"model":"a\\r\\nb"}',
      status: 400,
      code: "invalid_model",
      param: "model",
    },
    {
      name: "a model of 300 bytes",
      body: `{"model":"${"m".repeat(300)}"}`,
      status: 400,
      code: "invalid_model",
      param: "model",
    },
    {
      name: "an unknown model",
      body: '{"model":"gpt-9"}',
      status: 404,
      code: "model_not_found",
      param: "model",
    },
    {
      name: "5 MB of [",
      body: `{"model":"x","a":${"[".repeat(5_000_000)}`,
      status: 400,
      code: "json_too_deep",
      param: null,
    },
    {
      name: "33 MiB",
      body: chat({ promptBytes: 33 * MiB }),
      status: 413,
      code: "request_too_large",
      param: null,
    },
  ])(
    "answers $name with $status $code, and mirrors nothing",
    async ({ body, status, code, param }) => {
      const mirroredBefore = shadow[0]?.server.state().requestsServed;
      const seen = await post(gateway.origin, body);
      expect(seen.status).toBe(status);
      expect(seen.headers["content-type"]).toContain("application/json");
      const { error } = JSON.parse(seen.text) as { error: Record<string, unknown> };
      expect(Object.keys(error).toSorted()).toEqual(["code", "message", "param", "type"]);
      expect(error).toMatchObject({ code, param, type: "invalid_request_error" });
      expect(shadow[0]?.server.state().requestsServed).toBe(mirroredBefore);
    },
  );

  test.each([
    { name: "without a model", body: '{"messages":[]}' },
    { name: "with an empty model", body: '{"model":"","messages":[]}' },
    { name: "with null as model", body: '{"model":null,"messages":[]}' },
    { name: "with a byte order mark", body: `\ufeff${chat()}` },
  ])("serves and mirrors a request $name", async ({ body }) => {
    const mirroredBefore = shadow[0]?.server.state().requestsServed ?? 0;
    const seen = await post(gateway.origin, body);
    expect(seen.status).toBe(200);
    await until(
      "the copy is served",
      () => shadow[0]?.server.state().requestsServed === mirroredBefore + 1,
    );
  });

  test("answers a request in Anthropic's format in their shape", async () => {
    const headers = { "anthropic-version": "2023-06-01" };
    const seen = await post(gateway.origin, "[1]", { path: "/v1/messages", headers });
    expect(seen.status).toBe(400);
    expect(seen.headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(JSON.parse(seen.text)).toEqual({
      type: "error",
      error: { type: "invalid_request_error", message: "the request body must be a JSON object" },
    });
  });

  test("answers a body over the limit that comes in chunks with 413", async () => {
    const { Readable } = await import("node:stream");
    const { request } = await import("undici");
    const piece = Buffer.alloc(MiB, "x");
    const { statusCode, body } = await request(`${gateway.origin}/v1/chat/completions`, {
      method: "POST",
      headers: { host: "example.com", "content-type": "application/json" },
      body: Readable.from(Array.from({ length: 34 }, () => piece)),
    });
    expect(statusCode).toBe(413);
    expect(await body.json()).toMatchObject({ error: { code: "request_too_large" } });
  });

  test.each([
    { coding: "compress", status: 415, code: "unsupported_content_encoding" },
    { coding: "gzip", status: 400, code: "invalid_content_encoding" },
  ])("refuses a body that is not compressed by $coding", async ({ coding, status, code }) => {
    const seen = await post(gateway.origin, chat(), { headers: { "content-encoding": coding } });
    expect(seen.status).toBe(status);
    expect(seen.text).toContain(code);
  });

  test("serves a compressed body, and refuses a bomb", async () => {
    const headers = { "content-encoding": "gzip" };
    const served = await post(gateway.origin, gzipSync(chat({ promptBytes: 50_000 })), { headers });
    expect(served.status).toBe(200);
    const bomb = await post(gateway.origin, gzipSync(Buffer.alloc(100 * MiB)), { headers });
    expect(bomb.status).toBe(413);
  });

  test("answers an unknown host with Envoy's 404", async () => {
    const seen = await post(gateway.origin, chat(), { host: "other.example" });
    expect(seen.status).toBe(404);
    expect(seen.text).toContain("unknown_url");
  });

  test.each([
    {
      name: "repeated model keys, the last one counting",
      body: '{"model":"nope","model":"/model/llama2","messages":[{"role":"user","content":"a"}]}',
    },
    {
      name: "__proto__ keys",
      body: '{"__proto__":{"polluted":1},"model":"/model/llama2","messages":[{"role":"user","content":"a"}]}',
    },
    { name: "an adapter that only /v1/models names", body: chat({ model: "sql-lora" }) },
  ])("lets through $name", async ({ body }) => {
    expect((await post(gateway.origin, body)).status).toBe(200);
  });

  test("takes 101 client headers", async () => {
    const headers = Object.fromEntries(
      Array.from({ length: 101 }, (_, i) => [`x-client-${i}`, "v"]),
    );
    const seen = await post(gateway.origin, chat(), { headers });
    expect([seen.status, seen.text.slice(0, 200)]).toEqual([
      200,
      expect.stringContaining("chatcmpl"),
    ]);
  });

  test("lives on, and no ext_proc stream has failed", async () => {
    expect((await post(gateway.origin, chat())).status).toBe(200);
    expect(await gateway.stat(/ext_proc\.pick_.*streams_failed$/)).toBe(0);
  });
});

describe("a pool without endpoints", () => {
  test("answers 503 in OpenAI's shape", async () => {
    const shadow = await startModelServers(1);
    const gateway = await startGateway({
      resources: scenario({ primary: "", shadow: addresses(shadow) }).replace(
        'annotations: {umbra.dev/endpoints: ""}',
        "annotations: {}",
      ),
    });
    const seen = await post(gateway.origin, chat());
    expect(seen.status).toBe(503);
    expect(JSON.parse(seen.text)).toMatchObject({
      error: { code: "no_ready_endpoints", type: "server_error" },
    });
    expect(seen.headers["retry-after"]).toBe("1");
    expect(shadow[0]?.server.state().requestsServed).toBe(0);
    await gateway.stop();
    await stopModelServers(shadow);
  }, 60_000);

  test("answers 503 when its only endpoint refuses connections", async () => {
    const shadow = await startModelServers(1);
    const gateway = await startGateway({
      resources: scenario({ primary: "127.0.0.1:1", shadow: addresses(shadow), models: [] }),
    });
    const seen = await post(gateway.origin, chat());
    expect(seen.status).toBe(503);
    expect(JSON.parse(seen.text)).toMatchObject({
      error: { code: "upstream_unavailable", type: "server_error" },
    });
    await gateway.stop();
    await stopModelServers(shadow);
  }, 60_000);
});
