import {
  type AnswerForm,
  type AnswerMeasures,
  createFormReader,
  maxJsonAnswerBytes,
  unreadAnswer,
} from "@umbra/openai/answers";
import type { AnswerReading, Lane } from "@umbra/shadow";
import type { AnswerLink, LinkedAnswer } from "./answer-link.ts";
import type { ComparedLeg } from "./comparison-messages.ts";

export interface AnswerFeedOptions {
  /** Undefined while no reading thread runs. */
  readonly link: AnswerLink | undefined;
  /** Absent: it is not compared with another. */
  readonly compared?: ComparedLeg | undefined;
  /** Called once if the answer will not be read to its end. */
  readonly onUnread: (lane: Lane) => void;
}

/** Sends one answer to the reading thread. A class, because one is created per observed answer. */
export class AnswerFeed implements AnswerReading, LinkedAnswer {
  readonly form: AnswerForm;
  readonly lane: Lane;
  readonly compared: ComparedLeg | undefined;
  leg: number | undefined = undefined;
  endedMs: number | undefined = undefined;
  readonly #link: AnswerLink | undefined;
  readonly #onUnread: (lane: Lane) => void;
  #bytes = 0;
  #isStopped = false;
  #onMeasures: ((measures: AnswerMeasures) => void) | undefined = undefined;

  constructor(form: AnswerForm, lane: Lane, { link, compared, onUnread }: AnswerFeedOptions) {
    this.form = form;
    this.lane = lane;
    this.#link = link;
    this.compared = compared;
    this.#onUnread = onUnread;
  }

  push(chunk: Uint8Array, atMs: number): boolean {
    if (this.#isStopped) return false;
    // A longer body is only counted: the reader does not need the rest.
    if (this.#bytes > maxJsonAnswerBytes && this.#isPlainJson) return true;
    this.#bytes += chunk.length;
    if (this.#link?.write(this, chunk, atMs) !== true) this.stop();
    return !this.#isStopped;
  }

  end(onMeasures: (measures: AnswerMeasures) => void): void {
    if (this.leg !== undefined && this.#link?.isOpen === true) {
      this.#onMeasures = onMeasures;
      this.endedMs = performance.now();
      this.#link.end(this);
    } else if (this.#isStopped) onMeasures(unreadAnswer);
    else onMeasures(createFormReader(this.form).end());
  }

  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#onUnread(this.lane);
  }

  settle(measures: AnswerMeasures): void {
    const settle = this.#onMeasures;
    this.#onMeasures = undefined;
    settle?.(this.#isStopped ? { ...measures, isGivenUp: true } : measures);
  }

  get #isPlainJson(): boolean {
    return !this.form.isStream && this.form.coding === "identity";
  }
}
