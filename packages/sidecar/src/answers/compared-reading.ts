import type { ReadAnswer } from "@umbra/shadow";
import type { AnswerComparison } from "./request-comparison.ts";

/** Reads the answers of one request, and compares them. */
export interface ComparedReading {
  readonly comparison: AnswerComparison;
  /** How to read the answer of the primary, or of the mirror's twin. */
  readerOf(mirror: string | undefined): ReadAnswer;
  /** Takes the headers of such an answer, before it is read. */
  takeHeaders(mirror: string | undefined, headers: AnswerHeaders): void;
}

/** Headers of an answer, by their lower-case names. */
export type AnswerHeaders = Pick<ReadonlyMap<string, string>, "get">;

/**
 * Begins a comparison after the work that this thread is doing: copying the request and waking the reading thread take
 * time, and the pick's answer must not wait for that. Begins earlier if an answer comes first.
 */
export class LaterReading implements ComparedReading {
  readonly #begin: () => ComparedReading;
  #begun: ComparedReading | undefined = undefined;

  /** @param begin must not throw */
  constructor(begin: () => ComparedReading) {
    this.#begin = begin;
    setImmediate(() => this.#reading);
  }

  get comparison(): AnswerComparison {
    return this.#reading.comparison;
  }

  readerOf(mirror: string | undefined): ReadAnswer {
    return this.#reading.readerOf(mirror);
  }

  takeHeaders(mirror: string | undefined, headers: AnswerHeaders): void {
    this.#reading.takeHeaders(mirror, headers);
  }

  get #reading(): ComparedReading {
    this.#begun ??= this.#begin();
    return this.#begun;
  }
}
