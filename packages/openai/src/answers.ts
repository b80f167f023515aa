export {
  type AnswerForm,
  type AnswerMeasures,
  type AnswerReader,
  answerForm,
  createAnswerReader,
  createFormReader,
  maxJsonAnswerBytes,
  noAnswer,
  type OnAnswerJson,
  unreadAnswer,
} from "./answers/answer-reader.ts";
export type { AnswerCoding } from "./answers/decoder.ts";
export type { FinishReason } from "./answers/token-event.ts";
