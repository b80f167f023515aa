import { type SampleComparison, skippedAgreement } from "@umbra/shadow";
import type { ComparedLeg } from "./comparison-messages.ts";
import type { TakenPair } from "./text-places.ts";

/** The comparison of one request's answers, as seen from the picking thread. */
export interface AnswerComparison {
  /** Mirrors whose twins are compared. */
  readonly mirrors: readonly string[];
  /**
   * Names the answer of the primary, or of the mirror's twin, which begins to be read. Undefined if it is not compared.
   */
  legOf(mirror: string | undefined): ComparedLeg | undefined;
  /** What was found, once both answers have ended. Undefined if answers to this mirror are not to be compared. */
  outcomeOf(mirror: string): SampleComparison | undefined;
  /** The pair's draw for a judge, with its texts, which are returned once: the caller releases it. Undefined if it was not drawn. */
  takeDrawn(mirror: string): TakenPair | undefined;
  /** Nothing more is expected: what is held is dropped. */
  close(): void;
}

/** A comparison that the reading thread makes. */
export class RequestComparison implements AnswerComparison {
  readonly mirrors: readonly string[];
  readonly #number: number;
  readonly #drop: (number: number) => void;
  readonly #results = new Map<number, SampleComparison>();
  readonly #drawn = new Map<number, TakenPair>();
  /** Twins whose answers are read, and the primary as -1. */
  readonly #read = new Set<number>();
  #isLost = false;

  constructor(number: number, mirrors: readonly string[], drop: (number: number) => void) {
    this.#number = number;
    this.mirrors = mirrors;
    this.#drop = drop;
  }

  legOf(mirror: string | undefined): ComparedLeg | undefined {
    const comparison = this.#number;
    if (mirror === undefined) {
      this.#read.add(-1);
      return { comparison };
    }
    const twin = this.mirrors.indexOf(mirror);
    if (twin < 0) return undefined;
    this.#read.add(twin);
    return { comparison, twin };
  }

  settle(twin: number, result: SampleComparison, drawn?: TakenPair): void {
    this.#results.set(twin, result);
    this.#drawn.get(twin)?.release();
    if (drawn !== undefined) this.#drawn.set(twin, drawn);
  }

  takeDrawn(mirror: string): TakenPair | undefined {
    const twin = this.mirrors.indexOf(mirror);
    const drawn = this.#drawn.get(twin);
    this.#drawn.delete(twin);
    return drawn;
  }

  outcomeOf(mirror: string): SampleComparison | undefined {
    const twin = this.mirrors.indexOf(mirror);
    if (twin < 0) return undefined;
    const isRead = this.#read.has(-1) && this.#read.has(twin);
    return this.#results.get(twin) ?? (isRead || this.#isLost ? late : undecoded);
  }

  /** No more results come: the thread has ended. */
  lose(): void {
    this.#isLost = true;
  }

  close(): void {
    for (const drawn of this.#drawn.values()) drawn.release();
    this.#drawn.clear();
    this.#drop(this.#number);
  }
}

/** A request whose answers should be compared, but the reading thread has no room, or its body is too large. */
export function notCompared(mirrors: readonly string[], why: "time" | "memory"): AnswerComparison {
  const outcome: SampleComparison = { agreement: skippedAgreement(why) };
  return {
    mirrors,
    legOf: () => undefined,
    outcomeOf: (mirror) => (mirrors.includes(mirror) ? outcome : undefined),
    takeDrawn: () => undefined,
    close: () => undefined,
  };
}

/** The result did not come in time. */
const late: SampleComparison = { agreement: skippedAgreement("time") };
/** An answer was not read, because its content encoding is not supported. */
const undecoded: SampleComparison = { agreement: skippedAgreement("encoding") };
