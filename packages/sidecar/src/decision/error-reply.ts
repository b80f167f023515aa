import type { Decision } from "@umbra/ext-proc";
import { errorAnswer } from "@umbra/openai";
import { type DroppedReason, type RequestErrorCode, requestErrors } from "./refusals.ts";

/** Set on answers to requests that were dropped, as the reference endpoint picker does. */
const droppedReasonHeader = "x-llm-d-request-dropped-reason";

export interface ErrorReplyOptions {
  /** As the code has it when absent. */
  readonly retryAfterSeconds?: number;
  /** As the code has it when absent. */
  readonly dropped?: DroppedReason | undefined;
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
  const { status, param, ...ofCode } = requestErrors[code];
  const { dropped = ofCode.dropped, retryAfterSeconds = ofCode.retryAfterSeconds } = options;
  const { requestId, path } = options;
  const error = { status, code, message, param };
  const answer = errorAnswer(error, { path, retryAfterSeconds, requestId });
  const headers = Object.entries(answer.headers).map(([name, value]) => ({ name, value }));
  if (dropped !== undefined) headers.push({ name: droppedReasonHeader, value: dropped });
  return { kind: "reply", status, headers, body: answer.body, details: code };
}
