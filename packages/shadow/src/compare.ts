/** Compares what models answer: `@umbra/shadow/compare`. Pure functions; numbers and names come out, never text. */

export { type AnswerAgreement, compareTexts, type TextAgreement } from "./compare/agreement.ts";
export type { Answer } from "./compare/answer.ts";
export type { AnswerCheck, CompareOptions } from "./compare/answer-check.ts";
export { AnswerCollector, type AnswerCollectorOptions } from "./compare/answer-collector.ts";
export {
  type AnswerSketch,
  AnswerSketcher,
  type AnswerSketchOptions,
} from "./compare/answer-sketch.ts";
export { canonicalJson, isSameJson, sharedKeys } from "./compare/canonical-json.ts";
export { type CommonPrefix, commonPrefix } from "./compare/common-prefix.ts";
export {
  type AnswerComparison,
  compareAnswers,
  unknownRequest,
} from "./compare/compare-answers.ts";
export {
  type AnswerFiles,
  type CompareFilesOptions,
  compareFiles,
  type FileLines,
  type FilesComparison,
  type UnpairedCount,
} from "./compare/compare-files.ts";
export { compareSketches } from "./compare/compare-sketches.ts";
export {
  type ComparedRequest,
  comparedFields,
  type Decoding,
  decodings,
  readComparedRequest,
} from "./compare/compared-request.ts";
export type {
  AgreementRow,
  AnswerFlag,
  ComparisonSummary,
  FlagRow,
  FloorRow,
  LogprobRow,
} from "./compare/comparison-summary.ts";
export {
  type JsonAnswer,
  type JsonState,
  jsonStates,
  readJsonAnswer,
} from "./compare/json-answer.ts";
export {
  type LineRole,
  type PairBy,
  PairingError,
  type UnpairedWhy,
} from "./compare/line-pairing.ts";
export {
  type LogprobDrift,
  logprobDrift,
  perplexityOf,
  type TokenLogprob,
} from "./compare/log-probabilities.ts";
export { normalizeText, type TextOptions } from "./compare/normalized-text.ts";
export type { Estimate } from "./compare/paired-difference.ts";
export { type AnswerId, type ReadAnswer, readAnswer } from "./compare/read-answer.ts";
export type { UnusedLine } from "./compare/recorded-lines.ts";
export { isRefusal, type RefusalSigns, refusalLexicon } from "./compare/refusal.ts";
export { type EndLoop, endLoop, isLoop, repeatedShare, wordsOf } from "./compare/repetition.ts";
export { checkSchema } from "./compare/schema.ts";
export { type SchemaCheck, type SchemaFault, schemaStates } from "./compare/schema-check.ts";
export { type Script, scriptOf, scripts } from "./compare/script.ts";
export { similarity } from "./compare/similarity.ts";
export {
  checkToolCall,
  compareToolCalls,
  type OfferedTool,
  type ToolAgreement,
  type ToolCall,
  type ToolCallState,
  type ToolLevel,
  toolLevels,
} from "./compare/tool-calls.ts";
