import type { AnswerForm, AnswerMeasures } from "@umbra/openai/answers";

/** What the reading thread has found since it said so last. Numbers and names, never text. */
export interface AnswersRead {
  /** Answers that have ended. */
  readonly ended: readonly { readonly leg: number; readonly measures: AnswerMeasures }[];
  /** Legs that are too much: nothing more of them is wanted. */
  readonly givenUp: readonly number[];
}

const codings: readonly AnswerForm["coding"][] = ["identity", "gzip", "deflate"];

/** A form as a number, which a record has instead of a time. */
export function formNumber({ isStream, coding }: AnswerForm): number {
  return 2 * codings.indexOf(coding) + (isStream ? 1 : 0);
}

export function formOf(number: number): AnswerForm {
  return { isStream: number % 2 === 1, coding: codings[number >> 1] ?? "identity" };
}
