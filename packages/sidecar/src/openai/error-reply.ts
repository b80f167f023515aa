import type { Decision } from "@umbra/ext-proc";

/** Why Umbra refuses a request. Stable: clients branch on it, `docs/errors.md` explains it. */
export type RequestErrorCode =
  | "invalid_json"
  | "invalid_json_type"
  | "json_too_deep"
  | "missing_model"
  | "invalid_model"
  | "model_not_found"
  | "request_too_large"
  | "invalid_form"
  | "invalid_content_encoding"
  | "unsupported_content_encoding"
  | "unsupported_trailers"
  | "no_ready_endpoints"
  | "overloaded"
  | "unknown_pool";

/** Set on answers to requests that were dropped, as the reference endpoint picker does. */
export const droppedReasonHeader = "x-llm-d-request-dropped-reason";

export type DroppedReason =
  | "rejected-saturated"
  | "rejected-no-endpoints"
  | "rejected-ttl-expired"
  | "rejected-context-cancelled"
  | "rejected-shutting-down"
  | "evicted-queue-pressure";

interface ErrorKind {
  readonly status: number;
  readonly type: "invalid_request_error" | "rate_limit_error" | "server_error";
  readonly param?: "model";
  readonly retryAfterSeconds?: number;
}

const kinds: Readonly<Record<RequestErrorCode, ErrorKind>> = {
  invalid_json: { status: 400, type: "invalid_request_error" },
  invalid_json_type: { status: 400, type: "invalid_request_error" },
  json_too_deep: { status: 400, type: "invalid_request_error" },
  missing_model: { status: 400, type: "invalid_request_error", param: "model" },
  invalid_model: { status: 400, type: "invalid_request_error", param: "model" },
  model_not_found: { status: 404, type: "invalid_request_error", param: "model" },
  request_too_large: { status: 413, type: "invalid_request_error" },
  invalid_form: { status: 400, type: "invalid_request_error" },
  invalid_content_encoding: { status: 400, type: "invalid_request_error" },
  unsupported_content_encoding: { status: 415, type: "invalid_request_error" },
  unsupported_trailers: { status: 400, type: "invalid_request_error" },
  no_ready_endpoints: { status: 503, type: "server_error", retryAfterSeconds: 1 },
  overloaded: { status: 429, type: "rate_limit_error", retryAfterSeconds: 1 },
  unknown_pool: { status: 503, type: "server_error", retryAfterSeconds: 1 },
};

export const requestErrorCodes: readonly RequestErrorCode[] = Object.keys(
  kinds,
) as readonly RequestErrorCode[];

/** The status that a refusal is answered with. */
export function errorStatus(code: RequestErrorCode): number {
  return kinds[code].status;
}

export interface ErrorReplyOptions {
  /** As the code has it when absent. */
  readonly retryAfterSeconds?: number;
  /** Why a request was dropped that another time would be served, in the words of the endpoint picker protocol. */
  readonly dropped?: DroppedReason;
  /** Of the request, so that client and log can be brought together; one that is no plain name is left out. */
  readonly requestId?: string | undefined;
  /** As the endpoint would have got it, without the query: it says whose errors the client reads. OpenAI's when absent. */
  readonly path?: string;
}

const plainId = /^[\w.:-]{1,128}$/;

/** The reply to a refused request, in the shape of OpenAI's errors, or on the paths of Anthropic's messages in theirs. */
export function errorReply(
  code: RequestErrorCode,
  message: string,
  options: ErrorReplyOptions = {},
): Extract<Decision, { kind: "reply" }> {
  const { status } = kinds[code];
  const { retryAfterSeconds = kinds[code].retryAfterSeconds, dropped, requestId, path } = options;
  const isMessages = path !== undefined && isMessagesPath(path);
  const headers = [{ name: "content-type", value: "application/json" }];
  if (retryAfterSeconds !== undefined) {
    headers.push({ name: "retry-after", value: String(retryAfterSeconds) });
  }
  if (requestId !== undefined && plainId.test(requestId)) {
    headers.push({ name: "x-request-id", value: requestId });
  }
  if (dropped !== undefined) headers.push({ name: droppedReasonHeader, value: dropped });
  const said = isMessages ? anthropicError(code, message) : openAiError(code, message);
  return { kind: "reply", status, headers, body: JSON.stringify(said), details: code };
}

function openAiError(code: RequestErrorCode, message: string) {
  const { type, param } = kinds[code];
  return { error: { message, type, param: param ?? null, code } };
}

function anthropicError(code: RequestErrorCode, message: string) {
  const type = anthropicTypes[kinds[code].status] ?? "api_error";
  return { type: "error", error: { type, message } };
}

/** By status, as Anthropic's API has them; its own 529 is the 503 of other servers. */
const anthropicTypes: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  404: "not_found_error",
  413: "request_too_large",
  415: "invalid_request_error",
  429: "rate_limit_error",
  503: "overloaded_error",
};

/** Anthropic's messages, and what counts their tokens. */
function isMessagesPath(path: string): boolean {
  return path === "/v1/messages" || path.startsWith("/v1/messages/");
}
