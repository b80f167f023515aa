export {
  type AnswerMeasures,
  type AnswerReader,
  createAnswerReader,
  noAnswer,
} from "./answers/answer-reader.ts";
export type { FinishReason } from "./answers/token-event.ts";
