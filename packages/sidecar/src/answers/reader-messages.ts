import type { AnswerForm, AnswerMeasures } from "@umbra/openai/answers";
import type { ComparedTwin } from "./comparison-messages.ts";

/** Results of the reading thread since its last message: numbers and names, and texts only of pairs drawn for a judge. */
export interface AnswersRead {
  /** Ended answers. */
  readonly ended: readonly { readonly leg: number; readonly measures: AnswerMeasures }[];
  /** Legs that were given up: send nothing more for them. */
  readonly givenUp: readonly number[];
  /** Results of comparisons. An answer's are here at the latest when it has ended. */
  readonly compared?: readonly ComparedTwin[];
}

const codings: readonly AnswerForm["coding"][] = ["identity", "gzip", "deflate"];

/** Encodes a form as a number, which a record carries instead of a time. */
export function formNumber({ isStream, coding }: AnswerForm): number {
  return 2 * codings.indexOf(coding) + (isStream ? 1 : 0);
}

export function formOf(number: number): AnswerForm {
  return { isStream: number % 2 === 1, coding: codings[number >> 1] ?? "identity" };
}
