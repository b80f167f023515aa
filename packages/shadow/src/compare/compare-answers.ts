import { type AnswerAgreement, agreementOf } from "./agreement.ts";
import type { Answer } from "./answer.ts";
import {
  type AnswerCheck,
  type CompareOptions,
  checkAnswer,
  prepareAnswer,
} from "./answer-check.ts";
import type { ComparedRequest } from "./compared-request.ts";

/** A request about which nothing is known. */
export const unknownRequest: ComparedRequest = { decode: "sampled", shape: "text" };

/** The comparison of two answers to one request: numbers and names, no text. */
export interface AnswerComparison {
  readonly primary: AnswerCheck;
  readonly shadow: AnswerCheck;
  readonly agreement: AnswerAgreement;
}

/** Checks and compares two answers to a request. Pure; the work is bounded for any answers. */
export function compareAnswers(
  primary: Answer,
  shadow: Answer,
  request: ComparedRequest = unknownRequest,
  options: CompareOptions = {},
): AnswerComparison {
  const [first, second] = [prepareAnswer(primary, options), prepareAnswer(shadow, options)];
  return {
    primary: checkAnswer(first, request, options),
    shadow: checkAnswer(second, request, options),
    agreement: agreementOf(first, second, request, options),
  };
}
