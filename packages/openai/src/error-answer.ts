/** An error answer for a client. */
export interface ApiError {
  /** HTTP status, 400 to 599. */
  readonly status: number;
  /** Stable code for programs, in lower case with `_`. Anthropic's format doesn't have it. */
  readonly code: string;
  /** Message for people. */
  readonly message: string;
  /** The invalid field of the request. Anthropic's format doesn't have it. */
  readonly param?: string | undefined;
}

export interface ErrorAnswerOptions {
  /** Path of the request without the query; it decides the error format. OpenAI's format when absent. */
  readonly path?: string | undefined;
  /** Time after which the client may retry. */
  readonly retryAfterSeconds?: number | undefined;
  /** Id of the request, to find it in the log. An id with special characters is left out. */
  readonly requestId?: string | undefined;
}

/** A complete HTTP answer. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** With a parameter, so that clients which parse whatever is exactly `application/json` leave the answer to a HEAD alone: it has no body. */
const jsonType = "application/json; charset=utf-8";

const plainId = /^[\w.:-]{1,128}$/;

/**
 * Formats an error for the client's library: in Anthropic's format on the paths of its Messages API, otherwise in
 * OpenAI's.
 */
export function errorAnswer(error: ApiError, options: ErrorAnswerOptions = {}): ErrorAnswer {
  const { path, retryAfterSeconds, requestId } = options;
  const headers: Record<string, string> = { "content-type": jsonType };
  if (retryAfterSeconds !== undefined) headers["retry-after"] = String(retryAfterSeconds);
  if (requestId !== undefined && plainId.test(requestId)) headers["x-request-id"] = requestId;
  const isMessages = path !== undefined && isMessagesPath(path);
  const content = isMessages ? anthropicError(error) : openAiError(error);
  return { status: error.status, headers, body: JSON.stringify(content) };
}

function openAiError({ status, code, message, param }: ApiError) {
  return { error: { message, type: openAiType(status), param: param ?? null, code } };
}

function openAiType(status: number): string {
  if (status === 429) return "rate_limit_error";
  return status >= 500 ? "server_error" : "invalid_request_error";
}

function anthropicError({ status, message }: ApiError) {
  const otherwise = status >= 500 ? "api_error" : "invalid_request_error";
  return { type: "error", error: { type: anthropicTypes[status] ?? otherwise, message } };
}

/** Error types of Anthropic's API by status. Its 529 corresponds to 503 of other servers. */
const anthropicTypes: Readonly<Record<number, string>> = {
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  503: "overloaded_error",
  529: "overloaded_error",
};

/** True for Anthropic's Messages API and its token counter. */
function isMessagesPath(path: string): boolean {
  return path === "/v1/messages" || path.startsWith("/v1/messages/");
}
