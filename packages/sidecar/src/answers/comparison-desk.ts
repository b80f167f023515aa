import { randomBytes } from "node:crypto";
import type { OnAnswerJson } from "@umbra/openai/answers";
import { type SampleComparison, skippedAgreement } from "@umbra/shadow";
import {
  type BegunComparison,
  type ComparedLeg,
  type ComparedTwin,
  type ComparisonSettings,
  maxSettings,
} from "./comparison-messages.ts";
import type { ComparisonRates } from "./comparison-rates.ts";
import { HeldAnswers } from "./held-answers.ts";
import { HeldComparison } from "./held-comparison.ts";
import { PairDraw } from "./pair-draw.ts";
import type { PlacesToTake } from "./text-places.ts";

export interface ComparisonDeskOptions {
  readonly rates: ComparisonRates;
  /** Monotonic, in ms. */
  readonly now: () => number;
  readonly onCompared: (compared: ComparedTwin) => void;
  /** Of the texts of pairs that a judge is asked about. */
  readonly places: PlacesToTake;
}

/** Time after which a comparison is removed, in ms: the longest timeout of a twin, and more. */
const maxAgeMs = 680_000;
/** Most comparisons at once. */
const maxComparisons = 16_384;

/**
 * Compares the answers of mirrored requests, in the thread that reads them. Holds the text of an answer, or a sketch of
 * it, until its pairs are compared or given up, and returns only numbers and names.
 */
export class ComparisonDesk {
  readonly #options: ComparisonDeskOptions;
  readonly #settings = new Map<number, ComparisonSettings>();
  /** From the oldest to the newest. */
  readonly #comparisons = new Map<number, HeldComparison>();
  readonly #held = new HeldAnswers<HeldComparison>();
  /** Of the draw of pairs for a judge. */
  readonly #drawKey = randomBytes(16).toString("hex");
  /** Of sketches; no hash of text can be looked up elsewhere. */
  readonly #key = randomBytes(32);

  constructor(options: ComparisonDeskOptions) {
    this.#options = options;
  }

  /** Memory of texts, schemas and tools, in bytes. */
  get heldBytes(): number {
    return this.#held.bytes;
  }

  /** Number of comparisons that are not over. */
  get size(): number {
    return this.#comparisons.size;
  }

  addSettings(number: number, settings: ComparisonSettings): void {
    this.#settings.set(number, settings);
    const [oldest] = this.#settings.keys();
    if (this.#settings.size > maxSettings && oldest !== undefined) this.#settings.delete(oldest);
  }

  begin(number: number, begun: BegunComparison): void {
    const { twins, settings: which, ruleBytes, optsOut, isUnasked } = begun;
    const settings = this.#settings.get(which);
    if (settings === undefined || this.#comparisons.size >= maxComparisons) return;
    const rates = this.#options.rates.of(number);
    const hasSimilarity = settings.hasSimilarity && rates.hasSimilarity;
    const begunMs = this.#options.now();
    const draw =
      settings.judged === undefined || !hasSimilarity
        ? undefined
        : new PairDraw(number, settings.judged, { key: this.#drawKey, optsOut, isUnasked });
    const start = { number, twins, settings, ruleBytes, begunMs, hasSimilarity, draw };
    const comparison = new HeldComparison(
      { ...start, key: this.#key },
      rates.isCompared ? undefined : "time",
    );
    this.#comparisons.set(number, comparison);
    this.#held.add(comparison);
  }

  /** Adds a piece of the request's body. */
  addRequest(number: number, piece: Uint8Array, { isLast }: { readonly isLast: boolean }): void {
    const comparison = this.#comparisons.get(number);
    if (comparison === undefined || comparison.skipped !== undefined) return;
    const { now, rates } = this.#options;
    const startedMs = now();
    comparison.addRequest(piece);
    if (isLast) {
      comparison.readRequest();
      rates.spent(now() - startedMs);
    }
    this.#grew(comparison);
  }

  /** Begins to collect an answer. Undefined if it is not compared. */
  collect({ comparison: number, twin, isRefusal }: ComparedLeg): OnAnswerJson | undefined {
    const comparison = this.#comparisons.get(number);
    const collector = comparison?.collect(twin);
    if (comparison === undefined || collector === undefined) return undefined;
    if (isRefusal === true) collector.refusal();
    const { now, rates } = this.#options;
    return (json) => {
      const startedMs = now();
      collector.add(json);
      this.#grew(comparison);
      rates.spent(now() - startedMs);
    };
  }

  /** An answer has ended. `usable`: it was read to its end and is no error. */
  end({ comparison: number, twin }: ComparedLeg, outcome: "usable" | "failed"): void {
    const comparison = this.#comparisons.get(number);
    if (comparison === undefined) return;
    const { now, rates } = this.#options;
    const startedMs = now();
    const ready = comparison.end(twin, outcome);
    rates.spent(now() - startedMs);
    for (const each of ready) this.#compare(comparison, each);
    this.#held.update(comparison);
    if (comparison.isOver) this.drop(number);
  }

  /** Removes a comparison: nothing more is expected. */
  drop(number: number): void {
    const comparison = this.#comparisons.get(number);
    if (comparison === undefined) return;
    this.#comparisons.delete(number);
    this.#held.remove(comparison);
  }

  /** Removes comparisons whose end was never reported. Call this at least each minute while there are comparisons. */
  dropOld(): void {
    const beforeMs = this.#options.now() - maxAgeMs;
    for (const [number, { begunMs }] of this.#comparisons) {
      if (begunMs >= beforeMs) return;
      this.drop(number);
    }
  }

  /** Beyond what is allowed, the newest comparisons with these settings are given up: those that are nearly done stay. */
  #grew(comparison: HeldComparison): void {
    const { settings } = comparison;
    this.#held.update(comparison);
    while (this.#held.isOver(settings)) {
      if (!this.#held.skipNewest(settings)) return;
    }
  }

  #compare(comparison: HeldComparison, twin: number): void {
    const { now, rates, onCompared, places } = this.#options;
    const startedMs = now();
    const skipped = { agreement: skippedAgreement("other") };
    const result = contained<SampleComparison>(() => comparison.compare(twin), skipped);
    const drawn = contained(() => comparison.drawFor(twin, result, places), undefined);
    rates.spent(now() - startedMs);
    onCompared({
      ...{ comparison: comparison.number, twin, result: JSON.stringify(result) },
      ...(drawn && { drawn }),
    });
    comparison.clearTwin(twin);
    this.#held.update(comparison);
  }
}

/** An error in one comparison must not affect others. */
function contained<T>(run: () => T, otherwise: T): T {
  try {
    return run();
  } catch {
    return otherwise;
  }
}
