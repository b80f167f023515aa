import { describe, expect, test } from "@jest/globals";
import { errorReply, type RequestErrorCode, requestErrorCodes } from "@umbra/sidecar/internal";

/** Status, then the types of OpenAI's and of Anthropic's errors. */
const types: Readonly<Record<RequestErrorCode, readonly [number, string, string]>> = {
  invalid_json: [400, "invalid_request_error", "invalid_request_error"],
  invalid_json_type: [400, "invalid_request_error", "invalid_request_error"],
  json_too_deep: [400, "invalid_request_error", "invalid_request_error"],
  json_too_complex: [400, "invalid_request_error", "invalid_request_error"],
  missing_model: [400, "invalid_request_error", "invalid_request_error"],
  invalid_model: [400, "invalid_request_error", "invalid_request_error"],
  bad_request: [400, "invalid_request_error", "invalid_request_error"],
  model_not_found: [404, "invalid_request_error", "not_found_error"],
  request_too_large: [413, "invalid_request_error", "request_too_large"],
  invalid_form: [400, "invalid_request_error", "invalid_request_error"],
  request_too_compressed: [413, "invalid_request_error", "request_too_large"],
  invalid_content_encoding: [400, "invalid_request_error", "invalid_request_error"],
  unsupported_content_encoding: [415, "invalid_request_error", "invalid_request_error"],
  unsupported_trailers: [400, "invalid_request_error", "invalid_request_error"],
  no_ready_endpoints: [503, "server_error", "overloaded_error"],
  overloaded: [429, "rate_limit_error", "rate_limit_error"],
  unknown_pool: [503, "server_error", "overloaded_error"],
};
const aboutModel: readonly string[] = ["missing_model", "invalid_model", "model_not_found"];

const openAiPaths = [
  undefined,
  "/v1/chat/completions",
  "/v1/completions",
  "/v1/embeddings",
  "/v1/responses",
  "/v1/messagesx",
  "/v1/models",
  "/",
];
const messagesPaths = ["/v1/messages", "/v1/messages/count_tokens"];

describe.each(requestErrorCodes)("%s", (code) => {
  const [status, openAiType, anthropicType] = types[code];

  test.each(openAiPaths)("has OpenAI's format on %s", (path) => {
    const reply = errorReply(code, "why", {
      requestId: "r1",
      ...(path === undefined ? {} : { path }),
    });
    const param = aboutModel.includes(code) ? "model" : null;
    expect(reply.status).toBe(status);
    expect(reply.body).toBe(
      JSON.stringify({ error: { message: "why", type: openAiType, param, code } }),
    );
    expect(reply.headers).toContainEqual({ name: "x-request-id", value: "r1" });
  });

  test.each(messagesPaths)("has Anthropic's format on %s", (path) => {
    const reply = errorReply(code, "why", { requestId: "r1", path });
    expect(reply.status).toBe(status);
    expect(reply.body).toBe(
      JSON.stringify({ type: "error", error: { type: anthropicType, message: "why" } }),
    );
    expect(reply.details).toBe(code);
    expect(reply.headers).toContainEqual({ name: "x-request-id", value: "r1" });
    expect(reply.headers).toContainEqual({
      name: "content-type",
      value: "application/json; charset=utf-8",
    });
  });
});
