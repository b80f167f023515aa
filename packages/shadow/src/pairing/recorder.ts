import { type ReadAnswer, readAnswerHere } from "../measure/answer-reading.ts";
import type { Leg, Pair } from "../measure/leg.ts";
import {
  createLegRecorder,
  type LegRecorder,
  type LegStart,
  type UnmirroredFor,
} from "../measure/leg-recorder.ts";

/** `T` is the caller's own representation of a request. */
export interface RecorderOptions<T> {
  /** Monotonic clock, in ms. */
  readonly now: () => number;
  /** Most legs in flight at once; further ones are not recorded. 8,192 when absent. */
  readonly maxOpen?: number;
  /** Number of recent pairs kept for display; 2,000 when absent. */
  readonly maxPairs?: number;
  /** Longest wait for a twin in flight, in ms; 660,000 when absent. */
  readonly pairTimeoutMs?: number;
  /** Reads answers; this thread when absent. If it is another thread, legs end some ms after their answers. */
  readonly readAnswer?: ReadAnswer;
  /**
   * Returns whether the shadow's picker has received the twin; called for twins that were never measured. When absent,
   * none has.
   */
  readonly hasCome?: (request: T, mirror: string) => boolean;
  /** Observers, called in this order; none when absent. */
  readonly observers?: readonly RecorderObserver<T>[];
}

/**
 * Why a twin is lost. `unsent`: the gateway never sent it. `unanswered`: the shadow received it but did not finish.
 * `unmeasured`: the sidecar had no room to measure it, which is no evidence about the shadow.
 */
export type LostTwin = "unsent" | "unanswered" | "unmeasured";

/** Receives the outcome of recorded requests. */
export interface RecorderObserver<T = unknown> {
  /** A leg has ended, paired or not. `mirror` is given for a shadow's leg. */
  legEnded?(leg: Leg, mirror: string | undefined, request: T): void;
  /** Both legs have ended. */
  paired?(pair: Pair, mirror: string, request: T): void;
  /** The twin never arrived, never ended, or was not measured. */
  lost?(primary: Leg, mirror: string, twin: LostTwin, request: T): void;
  /** A primary without a twin in `of.mirror` has ended. */
  unmirrored?(primary: Leg, of: UnmirroredFor, request: T): void;
}

/** Pairs primary requests with their twins, whichever ends first, and measures both. */
export interface Recorder<T = void> {
  /** Starts the pairing of one request. The caller must keep it; the recorder does not. */
  open(request: T): Pairing;
  /** Recent pairs, oldest first. */
  pairs(): readonly Pair[];
  /** Number of pairs so far. */
  readonly pairCount: number;
}

/** The legs of one request. */
export interface Pairing {
  /**
   * Starts a leg. Returns undefined if it is not recorded, because too many legs are open or the leg has already
   * started.
   */
  begin(start: LegStart): LegRecorder | undefined;
  /** True while the primary's leg has started and a leg of the request has not ended. */
  readonly isWaiting: boolean;
  /** Gives up on overdue twins. Call at intervals. */
  expire(): void;
  /** Gives up on all twins that have not ended; no leg starts or ends afterwards. `noRoom`: some still might. */
  giveUp(why?: "noRoom"): void;
}

const maxIdLength = 128;

/** Creates a recorder, which pairs the two legs of each mirrored request. Keeps numbers and names, no text. */
export function createRecorder<T = void>(options: RecorderOptions<T>): Recorder<T> {
  return new PairRecorder(options);
}

class PairRecorder<T> implements Recorder<T> {
  readonly now: () => number;
  readonly pairTimeoutMs: number;
  readonly observers: readonly RecorderObserver<T>[];
  readonly hasCome: (request: T, mirror: string) => boolean;
  readonly #readAnswer: ReadAnswer;
  readonly #maxOpen: number;
  readonly #maxPairs: number;
  readonly #latest: Pair[] = [];
  pairCount = 0;
  #openLegs = 0;

  constructor(options: RecorderOptions<T>) {
    this.now = options.now;
    this.pairTimeoutMs = options.pairTimeoutMs ?? 660_000;
    this.observers = options.observers ?? [];
    this.hasCome = options.hasCome ?? (() => false);
    this.#readAnswer = options.readAnswer ?? readAnswerHere;
    this.#maxOpen = options.maxOpen ?? 8_192;
    this.#maxPairs = options.maxPairs ?? 2_000;
  }

  open(request: T): Pairing {
    return new RequestPairing(request, this);
  }

  pairs(): readonly Pair[] {
    return this.#latest.slice(-this.#maxPairs);
  }

  begin(start: LegStart, onEnd: (leg: Leg) => void): LegRecorder | undefined {
    const { requestId } = start;
    const isKeyed = requestId !== "" && requestId.length <= maxIdLength;
    if (!isKeyed || this.#openLegs >= this.#maxOpen) return undefined;
    this.#openLegs++;
    return createLegRecorder(start, {
      now: this.now,
      readAnswer: this.#readAnswer,
      onEnd: (leg) => {
        this.#openLegs--;
        onEnd(leg);
      },
    });
  }

  keep(pair: Pair): void {
    this.pairCount++;
    this.#latest.push(pair);
    const excess = this.#latest.length - this.#maxPairs;
    if (excess > this.#maxPairs / 4) this.#latest.splice(0, excess);
  }
}

/** One that is not paired. */
type Twin = Leg | "open" | "expected" | "unmeasured";

class RequestPairing<T> implements Pairing {
  readonly #request: T;
  readonly #recorder: PairRecorder<T>;
  readonly #openedMs: number;
  #primary: Leg | "open" | undefined = undefined;
  /** Twins that are not paired yet, by mirror. */
  readonly #twins = new Map<string, Twin>();

  constructor(request: T, recorder: PairRecorder<T>) {
    this.#request = request;
    this.#recorder = recorder;
    this.#openedMs = recorder.now();
  }

  get isWaiting(): boolean {
    return this.#primary === "open" || (this.#primary !== undefined && this.#twins.size > 0);
  }

  begin(start: LegStart): LegRecorder | undefined {
    const { lane, mirrors = [] } = start;
    const mirror = lane === "primary" ? undefined : (mirrors[0] ?? "");
    const known = mirror === undefined ? this.#primary : this.#twins.get(mirror);
    if (known !== undefined && known !== "expected") return undefined;
    const leg = this.#recorder.begin(start, (ended) => {
      for (const each of this.#recorder.observers) each.legEnded?.(ended, mirror, this.#request);
      if (mirror === undefined) this.#primaryEnded(ended, start.unmirrored ?? []);
      else this.#twinEnded(ended, mirror);
    });
    if (leg === undefined) {
      if (mirror !== undefined) this.#twins.set(mirror, "unmeasured");
      return undefined;
    }
    if (mirror !== undefined) {
      this.#twins.set(mirror, "open");
      return leg;
    }
    this.#primary = "open";
    for (const name of mirrors) {
      if (!this.#twins.has(name)) this.#twins.set(name, "expected");
    }
    return leg;
  }

  expire(): void {
    if (this.#primary === "open") return;
    if (this.#recorder.now() - this.#openedMs >= this.#recorder.pairTimeoutMs) this.giveUp();
  }

  giveUp(why?: "noRoom"): void {
    const lost = [...this.#twins];
    this.#twins.clear();
    if (typeof this.#primary !== "object") return;
    for (const [mirror, leg] of lost) {
      const isUnmeasured = leg === "unmeasured" || why === "noRoom";
      const twin = isUnmeasured ? "unmeasured" : this.#lostTwin(leg, mirror);
      for (const each of this.#recorder.observers) {
        each.lost?.(this.#primary, mirror, twin, this.#request);
      }
    }
  }

  #lostTwin(leg: Twin, mirror: string): LostTwin {
    const hasCome = leg !== "expected" || this.#recorder.hasCome(this.#request, mirror);
    return hasCome ? "unanswered" : "unsent";
  }

  #primaryEnded(leg: Leg, unmirrored: readonly UnmirroredFor[]): void {
    this.#primary = leg;
    for (const [mirror, twin] of this.#twins) {
      if (typeof twin === "object") this.#pair(leg, twin, mirror);
    }
    for (const of of unmirrored) {
      for (const each of this.#recorder.observers) each.unmirrored?.(leg, of, this.#request);
    }
  }

  #twinEnded(leg: Leg, mirror: string): void {
    // The twin was given up in the meantime.
    if (!this.#twins.has(mirror)) return;
    if (typeof this.#primary === "object") this.#pair(this.#primary, leg, mirror);
    else this.#twins.set(mirror, leg);
  }

  #pair(primary: Leg, shadow: Leg, mirror: string): void {
    this.#twins.delete(mirror);
    const pair = { requestId: primary.requestId, primary, shadow };
    this.#recorder.keep(pair);
    for (const each of this.#recorder.observers) each.paired?.(pair, mirror, this.#request);
  }
}
