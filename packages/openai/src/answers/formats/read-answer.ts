import type { AnswerEvent } from "../token-event.ts";
import { isErrorAnswer } from "./error-answer.ts";
import { record } from "./json.ts";
import { readMessage, readMessagesEvent } from "./messages.ts";
import { readOpenAi } from "./openai.ts";
import { readResponse, readResponsesEvent } from "./responses.ts";

/** Reads one event of a stream, or a whole body. The format is detected from its fields. */
export function readAnswer(json: unknown): AnswerEvent {
  const answer = record(json);
  const event = readFormat(answer);
  return isErrorAnswer(answer) ? { ...event, isError: true } : event;
}

function readFormat(answer: Readonly<Record<string, unknown>>): AnswerEvent {
  const { type } = answer;
  if (answer.choices !== undefined || typeof type !== "string") {
    return answer.object === "response" ? readResponse(answer) : readOpenAi(answer);
  }
  if (type === "message") return readMessage(answer);
  return readMessagesEvent(type, answer) ?? readResponsesEvent(type, answer);
}
