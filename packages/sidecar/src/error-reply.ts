import type { Decision } from "@umbra/ext-proc";
import { errorAnswer, type RequestBodyErrorCode } from "@umbra/openai";

/** Why Umbra refuses a request. Stable: clients branch on it, `docs/errors.md` explains it. */
export type RequestErrorCode =
  | RequestBodyErrorCode
  | "model_not_found"
  | "request_too_large"
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
  readonly param?: "model";
  readonly retryAfterSeconds?: number;
}

const kinds: Readonly<Record<RequestErrorCode, ErrorKind>> = {
  invalid_json: { status: 400 },
  invalid_json_type: { status: 400 },
  json_too_deep: { status: 400 },
  missing_model: { status: 400, param: "model" },
  invalid_model: { status: 400, param: "model" },
  model_not_found: { status: 404, param: "model" },
  request_too_large: { status: 413 },
  invalid_form: { status: 400 },
  invalid_content_encoding: { status: 400 },
  unsupported_content_encoding: { status: 415 },
  unsupported_trailers: { status: 400 },
  no_ready_endpoints: { status: 503, retryAfterSeconds: 1 },
  overloaded: { status: 429, retryAfterSeconds: 1 },
  unknown_pool: { status: 503, retryAfterSeconds: 1 },
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

/** The reply to a refused request, in the shape of OpenAI's errors, or on the paths of Anthropic's messages in theirs. */
export function errorReply(
  code: RequestErrorCode,
  message: string,
  options: ErrorReplyOptions = {},
): Extract<Decision, { kind: "reply" }> {
  const { status, param, retryAfterSeconds } = kinds[code];
  const { dropped, ...more } = options;
  const answer = errorAnswer({ status, code, message, param }, { retryAfterSeconds, ...more });
  const headers = Object.entries(answer.headers).map(([name, value]) => ({ name, value }));
  if (dropped !== undefined) headers.push({ name: droppedReasonHeader, value: dropped });
  return { kind: "reply", status, headers, body: answer.body, details: code };
}
