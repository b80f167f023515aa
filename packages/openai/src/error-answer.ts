/** An error to answer a client with. */
export interface ApiError {
  /** HTTP status, 400 to 599. */
  readonly status: number;
  /** For programs: stable, in lower case with `_`. Anthropic's errors don't carry it. */
  readonly code: string;
  /** For people. */
  readonly message: string;
  /** The field of the request that is at fault. Anthropic's errors don't carry it. */
  readonly param?: string | undefined;
}

export interface ErrorAnswerOptions {
  /** Of the request, without the query: it says whose errors the client reads. OpenAI's when absent. */
  readonly path?: string | undefined;
  /** When the client may try again. */
  readonly retryAfterSeconds?: number | undefined;
  /** Of the request, so that client and log can be brought together; one that is no plain name is left out. */
  readonly requestId?: string | undefined;
}

/** A whole HTTP answer. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const plainId = /^[\w.:-]{1,128}$/;

/** An error as the client's library reads it: in OpenAI's shape, or on the paths of Anthropic's messages in theirs. */
export function errorAnswer(error: ApiError, options: ErrorAnswerOptions = {}): ErrorAnswer {
  const { path, retryAfterSeconds, requestId } = options;
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (retryAfterSeconds !== undefined) headers["retry-after"] = String(retryAfterSeconds);
  if (requestId !== undefined && plainId.test(requestId)) headers["x-request-id"] = requestId;
  const isMessages = path !== undefined && isMessagesPath(path);
  const said = isMessages ? anthropicError(error) : openAiError(error);
  return { status: error.status, headers, body: JSON.stringify(said) };
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

/** By status, as Anthropic's API has them; its own 529 is the 503 of other servers. */
const anthropicTypes: Readonly<Record<number, string>> = {
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  503: "overloaded_error",
  529: "overloaded_error",
};

/** Anthropic's messages, and what counts their tokens. */
function isMessagesPath(path: string): boolean {
  return path === "/v1/messages" || path.startsWith("/v1/messages/");
}
