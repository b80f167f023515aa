import { describe, expect, test } from "@jest/globals";
import { errorAnswer, needsModel, readModelList, readRequest, withModel } from "@umbra/openai";

const formType = "multipart/form-data; boundary=b";
const form = (name: string, value: string) =>
  Buffer.from(`--b\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n--b--\r\n`);

describe("a request", () => {
  test.each([
    { name: "a model", body: '{"model":"m"}', want: { model: "m", isStream: false } },
    { name: "a stream", body: '{"model":"m","stream":true}', want: { isStream: true } },
    { name: "no model", body: "{}", want: { model: undefined } },
    { name: "null", body: '{"model":null}', want: { model: undefined } },
    { name: "an empty name", body: '{"model":""}', want: { model: undefined } },
  ])("in JSON names $name", ({ body, want }) => {
    expect(readRequest(Buffer.from(body))).toMatchObject({ ok: true, ...want });
  });

  test.each([
    { name: "a model", body: form("model", "m"), model: "m" },
    { name: "no model", body: form("file", "x"), model: undefined },
    { name: "an empty name", body: form("model", ""), model: undefined },
  ])("in a form names $name", ({ body, model }) => {
    expect(readRequest(body, formType)).toMatchObject({ ok: true, isForm: true, model });
  });

  test.each([
    { name: "no body", body: undefined, code: "invalid_json" },
    { name: "no JSON", body: Buffer.from("{"), code: "invalid_json" },
    { name: "a list", body: Buffer.from("[]"), code: "invalid_json_type" },
    { name: "130 levels", body: Buffer.from(`{"a":${"[".repeat(130)}`), code: "json_too_deep" },
    { name: "a number as model", body: Buffer.from('{"model":1}'), code: "missing_model" },
    { name: "a line as model", body: Buffer.from('{"model":"a\\n"}'), code: "invalid_model" },
    { name: "no form", body: Buffer.from("RIFF"), type: formType, code: "invalid_form" },
    {
      name: "a long name in a form",
      body: form("model", "m".repeat(300)),
      type: formType,
      code: "invalid_model",
    },
  ])("with $name is refused as $code", ({ body, type, code }) => {
    const read = readRequest(body, type);
    expect(read).toMatchObject({ ok: false, status: 400, code });
    const isAboutModel = code.endsWith("_model");
    expect("param" in read ? read.param : undefined).toBe(isAboutModel ? "model" : undefined);
  });

  test.each([
    { path: "/v1/chat/completions", isNeeded: true },
    { path: "/v1/messages", isNeeded: true },
    { path: "/v1/messages/count_tokens", isNeeded: false },
    { path: "/v1/models", isNeeded: false },
  ])("to $path must name its model: $isNeeded", ({ path, isNeeded }) => {
    expect(needsModel(path)).toBe(isNeeded);
  });

  test.each([
    { name: "JSON", body: '{ "model" : "a", "n":1e2 }', want: '{ "model" : "é", "n":1e2 }' },
    { name: "JSON without one", body: '{"n":1}', want: '{"n":1,"model":"é"}' },
    {
      name: "a form",
      body: form("model", "a").toString(),
      type: formType,
      want: form("model", "é").toString(),
    },
  ])("gets another model: $name", ({ body, type, want }) => {
    const bytes = Buffer.from(body);
    const read = readRequest(bytes, type);
    const changed = read.ok ? withModel(bytes, read, "é") : undefined;
    expect(Buffer.from(changed ?? []).toString()).toBe(want);
  });
});

describe("an error", () => {
  test.each([
    { status: 400, openAi: "invalid_request_error", anthropic: "invalid_request_error" },
    { status: 401, openAi: "invalid_request_error", anthropic: "authentication_error" },
    { status: 403, openAi: "invalid_request_error", anthropic: "permission_error" },
    { status: 404, openAi: "invalid_request_error", anthropic: "not_found_error" },
    { status: 413, openAi: "invalid_request_error", anthropic: "request_too_large" },
    { status: 415, openAi: "invalid_request_error", anthropic: "invalid_request_error" },
    { status: 429, openAi: "rate_limit_error", anthropic: "rate_limit_error" },
    { status: 502, openAi: "server_error", anthropic: "api_error" },
    { status: 503, openAi: "server_error", anthropic: "overloaded_error" },
  ])("of status $status has both shapes", ({ status, openAi, anthropic }) => {
    const error = { status, code: "why", message: "because" };
    const body = (path?: string) => JSON.parse(errorAnswer(error, { path }).body) as unknown;
    const shape = { message: "because", type: openAi, param: null, code: "why" };
    expect(body()).toEqual({ error: shape });
    expect(body("/v1/chat/completions")).toEqual({ error: shape });
    const messages = { type: "error", error: { type: anthropic, message: "because" } };
    expect(body("/v1/messages")).toEqual(messages);
    expect(body("/v1/messages/count_tokens")).toEqual(messages);
  });

  test("says when to try again, and of which request it is", () => {
    const error = { status: 429, code: "overloaded", message: "full", param: "model" };
    const { status, headers, body } = errorAnswer(error, { retryAfterSeconds: 2, requestId: "r1" });
    expect(status).toBe(429);
    expect(headers).toEqual({
      "content-type": "application/json; charset=utf-8",
      "retry-after": "2",
      "x-request-id": "r1",
    });
    expect(JSON.parse(body)).toMatchObject({ error: { param: "model" } });
  });

  test.each(["a\r\nset-cookie: b", "x".repeat(129), ""])("leaves out the id %j", (requestId) => {
    const { headers } = errorAnswer({ status: 400, code: "c", message: "m" }, { requestId });
    expect(headers).toEqual({ "content-type": "application/json; charset=utf-8" });
  });
});

describe("a list of models", () => {
  test("distinguishes adapters from base models", () => {
    const list = readModelList(
      '{"data":[{"id":"m"},{"id":"ad","parent":"m"},{"id":"m"},{"id":7}]}',
    );
    expect(list).toEqual({
      base: ["m"],
      adapters: ["ad"],
      parents: new Map([["ad", "m"]]),
      entries: new Map([
        ["m", '{"id":"m"}'],
        ["ad", '{"id":"ad","parent":"m"}'],
      ]),
    });
  });

  test.each(["", "null", "[]", '{"data":{}}', `"${"x".repeat(1_048_576)}"`])(
    "is not a model name: %.20s",
    (text) => {
      expect(readModelList(text)).toBeUndefined();
    },
  );
});
