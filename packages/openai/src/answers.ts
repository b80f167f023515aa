export {
  type AnswerMeasures,
  type AnswerReader,
  createAnswerReader,
  noAnswer,
} from "./answers/answer-reader.ts";
export { createSseLines, type SseLines } from "./answers/sse-lines.ts";
export type { FinishReason } from "./answers/token-event.ts";
