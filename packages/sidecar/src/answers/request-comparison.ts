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

export interface RequestComparisonOptions {
  /** Its number on the link. */
  readonly number: number;
  /** Nothing more is expected of it. `isDone`: all its results have arrived. */
  readonly onClose: (end: { readonly isDone: boolean }) => void;
}

/** A comparison that the reading thread makes. */
export class RequestComparison implements AnswerComparison {
  readonly mirrors: readonly string[];
  readonly #options: RequestComparisonOptions;
  /** By the twin's index, as JSON or read from it. */
  readonly #results = new Map<number, SampleComparison | string>();
  readonly #drawn = new Map<number, TakenPair>();
  /** Twins whose answers are read, and the primary as -1. */
  readonly #read = new Set<number>();
  #isLost = false;

  constructor(mirrors: readonly string[], options: RequestComparisonOptions) {
    this.mirrors = mirrors;
    this.#options = options;
  }

  legOf(mirror: string | undefined): ComparedLeg | undefined {
    const comparison = this.#options.number;
    if (mirror === undefined) {
      this.#read.add(-1);
      return { comparison };
    }
    const twin = this.mirrors.indexOf(mirror);
    if (twin < 0) return undefined;
    this.#read.add(twin);
    return { comparison, twin };
  }

  /** @param result of the twin, as JSON */
  settle(twin: number, result: string, drawn?: TakenPair): void {
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
    return this.#resultOf(twin) ?? (isRead || this.#isLost ? late : undecoded);
  }

  /** No more results come: the thread has ended. */
  lose(): void {
    this.#isLost = true;
  }

  close(): void {
    for (const drawn of this.#drawn.values()) drawn.release();
    this.#drawn.clear();
    this.#options.onClose({ isDone: this.#results.size === this.mirrors.length });
  }

  #resultOf(twin: number): SampleComparison | undefined {
    const result = this.#results.get(twin);
    if (typeof result !== "string") return result;
    // The reading thread has encoded it.
    const read = JSON.parse(result) as SampleComparison;
    this.#results.set(twin, read);
    return read;
  }
}

/**
 * A request whose answers should be compared, but the reading thread has no room, its body is too large, or an error
 * occurred.
 */
export function notCompared(
  mirrors: readonly string[],
  why: "time" | "memory" | "other",
): AnswerComparison {
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
