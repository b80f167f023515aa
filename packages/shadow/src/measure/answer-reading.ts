import { type AnswerForm, type AnswerMeasures, createFormReader } from "@umbra/openai/answers";
import type { Lane } from "./leg.ts";

/** Begins to read one answer's body: in this thread, or in another. */
export type ReadAnswer = (form: AnswerForm, lane: Lane) => AnswerReading;

/** One answer's body that is being read. */
export interface AnswerReading {
  /**
   * Takes the next piece, as it arrives: the caller keeps the chunk. Returns false where it is not taken, now and from
   * then on: the answer is too much, or its reader is behind.
   */
  push(chunk: Uint8Array, atMs: number): boolean;
  /** Called once. Calls back once, at once or later, with what was read. */
  end(onMeasures: (measures: AnswerMeasures) => void): void;
}

/** Reads answers in the thread that asks for it. */
export const readAnswerHere: ReadAnswer = (form) => {
  const reader = createFormReader(form);
  return {
    push(chunk, atMs) {
      if (!reader.isGivenUp()) reader.push(chunk, atMs);
      return !reader.isGivenUp();
    },
    end: (onMeasures) => onMeasures(reader.end()),
  };
};
