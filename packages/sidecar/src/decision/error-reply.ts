import type { Decision } from "@umbra/ext-proc";
import { errorAnswer } from "@umbra/openai";
import { type DroppedReason, type RequestErrorCode, requestErrors } from "./refusals.ts";

/** Header of answers to dropped requests, as in the reference endpoint picker. */
const droppedReasonHeader = "x-llm-d-request-dropped-reason";

export interface ErrorReplyOptions {
  /** The code's default when absent. */
  readonly retryAfterSeconds?: number;
  /** The code's default when absent. */
  readonly dropped?: DroppedReason | undefined;
  /** Id of the request, to correlate the client's answer with the log; omitted if it is not a plain name. */
  readonly requestId?: string | undefined;
  /** The path for the endpoint, without the query. It selects the API style of the error; OpenAI's when absent. */
  readonly path?: string;
}

/** Creates the reply to a refused request: an OpenAI error, or an Anthropic error on the paths of Anthropic's Messages API. */
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
