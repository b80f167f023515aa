import type { Worker } from "node:worker_threads";
import { type AnswerForm, type AnswerMeasures, unreadAnswer } from "@umbra/openai/answers";
import type { Lane } from "@umbra/shadow";
import { maxRecordBytes, RingWriter, recordKind } from "./byte-ring.ts";
import { ComparisonLink } from "./comparison-link.ts";
import { type ComparedLeg, encoded } from "./comparison-messages.ts";
import { type Inbox, inboxState, maxLegs, stateWord, turnsWord } from "./inbox.ts";
import { type AnswersRead, formNumber } from "./reader-messages.ts";
import type { TextPlaces } from "./text-places.ts";

/** An answer being sent to the reading thread. */
export interface LinkedAnswer {
  readonly form: AnswerForm;
  readonly lane: Lane;
  /** Undefined if it is not compared with another. */
  readonly compared: ComparedLeg | undefined;
  /** Its number on the link, assigned with its first bytes. */
  leg: number | undefined;
  /** When its end was sent; undefined before. */
  readonly endedMs: number | undefined;
  /** The answer will not be read to its end. */
  stop(): void;
  /** The measurements arrived, or will not arrive any more. */
  settle(measures: AnswerMeasures): void;
}

export interface AnswerLinkOptions {
  readonly onFault: (cause: unknown) => void;
  readonly resultMs: number;
  readonly places: TextPlaces;
}

/** A thread counts as hanging after this many sweeps in the same turn, or without a first turn. */
const mostStillSweeps = { working: 10, starting: 60 };

/** The connection to one instance of the reading thread. */
export class AnswerLink {
  readonly #worker: Worker;
  readonly #options: AnswerLinkOptions;
  readonly #control: Int32Array;
  readonly #writers: Readonly<Record<Lane, RingWriter>>;
  readonly #feeds = new Map<number, LinkedAnswer>();
  readonly #open: Record<Lane, number> = { primary: 0, shadow: 0 };
  #lastLeg = 0;
  #turns = 0;
  #stillSweeps = 0;
  #onSettled: (() => void) | undefined = undefined;
  isOpen = true;
  readonly comparisons: ComparisonLink;

  constructor(worker: Worker, { control, rings }: Inbox, options: AnswerLinkOptions) {
    this.#worker = worker;
    this.#options = options;
    this.#control = new Int32Array(control);
    this.#writers = {
      primary: new RingWriter(rings.primary, maxLegs),
      shadow: new RingWriter(rings.shadow, maxLegs),
    };
    this.comparisons = new ComparisonLink((number, kind, value, bytes) => {
      const writer = this.#writers.primary;
      const hasRoom = this.isOpen && writer.write(number, kind, value, bytes);
      // A comparison can wait for its first answer, whose bytes wake the thread.
      if (kind === recordKind.drop || writer.isFilling) this.#wakeFor(writer);
      return hasRoom;
    }, options.places);
    worker.on("message", (read: AnswersRead) => this.#take(read));
  }

  /** Sends a piece of an answer. Returns false if there is no room for it. */
  write(feed: LinkedAnswer, chunk: Uint8Array, atMs: number): boolean {
    const writer = this.#writers[feed.lane];
    const leg = feed.leg ?? this.#begin(feed, writer);
    if (leg === undefined || !this.isOpen) return false;
    let hasRoom = true;
    if (chunk.length <= maxRecordBytes) hasRoom = writer.write(leg, recordKind.data, atMs, chunk);
    else {
      for (let at = 0; at < chunk.length && hasRoom; at += maxRecordBytes) {
        const piece = chunk.subarray(at, at + maxRecordBytes);
        hasRoom = writer.write(leg, recordKind.data, atMs, piece);
      }
    }
    this.#wakeFor(writer);
    return hasRoom;
  }

  /** Sends the end of an answer. Calls `feed.settle` after it was read. */
  end(feed: LinkedAnswer): void {
    if (feed.leg === undefined) return;
    const writer = this.#writers[feed.lane];
    writer.write(feed.leg, recordKind.end, 0);
    this.#wakeFor(writer);
  }

  /** Gives up late results and ends a hanging thread. Call this every second. */
  sweep(): void {
    this.comparisons.sweep();
    if (this.#feeds.size === 0) return;
    const beforeMs = performance.now() - this.#options.resultMs;
    for (const feed of this.#feeds.values()) {
      // Its number stays in use until the thread reaches its end.
      if (feed.endedMs !== undefined && feed.endedMs < beforeMs) this.#giveUp(feed);
    }
    const turns = Atomics.load(this.#control, turnsWord);
    const isAwake = Atomics.load(this.#control, stateWord) === inboxState.awake;
    this.#stillSweeps = isAwake && turns === this.#turns ? this.#stillSweeps + 1 : 0;
    this.#turns = turns;
    const { working, starting } = mostStillSweeps;
    if (this.#stillSweeps >= (turns === 0 ? starting : working)) void this.#worker.terminate();
  }

  /** The thread ended: gives up all its answers. */
  lose(): void {
    this.isOpen = false;
    this.comparisons.lose();
    for (const feed of this.#feeds.values()) this.#giveUp(feed);
    this.#feeds.clear();
    this.#onSettled?.();
  }

  async close(limitMs: number): Promise<void> {
    // The thread may exit while waiting for results.
    const exited = new Promise<void>((resolve) => this.#worker.once("exit", () => resolve()));
    await this.#settled(limitMs);
    this.isOpen = false;
    Atomics.store(this.#control, stateWord, inboxState.closed);
    Atomics.notify(this.#control, stateWord);
    const timer = setTimeout(() => void this.#worker.terminate(), limitMs);
    await exited;
    clearTimeout(timer);
  }

  /** Resolves when every ended answer was read, or at the timeout. */
  #settled(limitMs: number): Promise<void> {
    if (this.#feeds.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, limitMs);
      this.#onSettled = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #begin(feed: LinkedAnswer, writer: RingWriter): number | undefined {
    if (!this.isOpen || this.#open[feed.lane] >= maxLegs) return undefined;
    const leg = (this.#lastLeg + 1) | 0;
    const about = feed.compared === undefined ? undefined : encoded(feed.compared);
    if (!writer.write(leg, recordKind.open, formNumber(feed.form), about)) return undefined;
    this.#lastLeg = leg;
    this.#open[feed.lane]++;
    this.#feeds.set(leg, feed);
    feed.leg = leg;
    return leg;
  }

  #wakeFor(writer: RingWriter): void {
    const state = Atomics.load(this.#control, stateWord);
    const { asleep, napping, awake } = inboxState;
    if (state !== asleep && (state !== napping || !writer.isFilling)) return;
    Atomics.compareExchange(this.#control, stateWord, state, awake);
    Atomics.notify(this.#control, stateWord);
  }

  #take({ ended, givenUp, compared = [] }: AnswersRead): void {
    this.comparisons.take(compared);
    for (const leg of givenUp) this.#feeds.get(leg)?.stop();
    for (const { leg, measures } of ended) {
      const feed = this.#feeds.get(leg);
      if (feed === undefined) continue;
      this.#feeds.delete(leg);
      this.#open[feed.lane]--;
      this.#contained(() => feed.settle(measures));
    }
    if (this.#feeds.size === 0) this.#onSettled?.();
  }

  #giveUp(feed: LinkedAnswer): void {
    feed.stop();
    this.#contained(() => feed.settle(unreadAnswer));
  }

  /** An error in handling one answer must not affect others. */
  #contained(run: () => void): void {
    try {
      run();
    } catch (cause) {
      this.#options.onFault(cause);
    }
  }
}
