import { type AnswerForm, type AnswerMeasures, createFormReader } from "@umbra/openai/answers";
import type { Lane } from "./leg.ts";

/** Starts reading one answer's body, in this thread or in another. */
export type ReadAnswer = (form: AnswerForm, lane: Lane) => AnswerReading;

/** Reads one answer's body. */
export interface AnswerReading {
  /**
   * Reads the next chunk as it arrives. The caller keeps the chunk. Returns false if this and all further chunks are
   * not read, because the answer is too large or the reader can't keep up.
   */
  push(chunk: Uint8Array, atMs: number): boolean;
  /** Ends the reading; call once. Calls back once with the measures, immediately or later. */
  end(onMeasures: (measures: AnswerMeasures) => void): void;
}

/** Reads answers in the calling thread. */
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
