import { randomBytes } from "node:crypto";
import type { OnAnswerJson } from "@umbra/openai/answers";
import {
  agreementFields,
  outputFields,
  type SampleComparison,
  type SkipReason,
  skippedAgreement,
} from "@umbra/shadow";
import {
  AnswerCollector,
  type ComparedRequest,
  compareAnswers,
  readComparedRequest,
  unknownRequest,
} from "@umbra/shadow/compare";
import {
  type BegunComparison,
  type ComparedLeg,
  type ComparedTwin,
  type ComparisonSettings,
  type DrawnPair,
  maxSettings,
} from "./comparison-messages.ts";
import type { ComparisonRates } from "./comparison-rates.ts";
import { HeldAnswers } from "./held-answers.ts";
import { PairDraw } from "./pair-draw.ts";

export interface ComparisonDeskOptions {
  readonly rates: ComparisonRates;
  /** Monotonic, in ms. */
  readonly now: () => number;
  readonly onCompared: (compared: ComparedTwin) => void;
  /** Takes room for the texts of one pair that a judge is asked about; false if there is none. */
  readonly takeJudgeRoom: () => boolean;
}

/** Time after which a comparison is removed, in ms: the longest timeout of a twin, and more. */
const maxAgeMs = 680_000;
/** Most comparisons at once. */
const maxComparisons = 16_384;

/**
 * Compares the answers of mirrored requests, in the thread that reads them. Holds the text of an answer until its pairs
 * are compared or given up, and returns only numbers and names.
 */
export class ComparisonDesk {
  readonly #options: ComparisonDeskOptions;
  readonly #settings = new Map<number, ComparisonSettings>();
  /** From the oldest to the newest. */
  readonly #comparisons = new Map<number, Comparison>();
  readonly #held = new HeldAnswers<Comparison>();
  /** Of the draw of pairs for a judge. */
  readonly #drawKey = randomBytes(16).toString("hex");

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
    const { twins, settings: which, ruleBytes, optsOut } = begun;
    const settings = this.#settings.get(which);
    this.#dropOld();
    if (settings === undefined || this.#comparisons.size >= maxComparisons) return;
    const rates = this.#options.rates.of(number);
    const hasSimilarity = settings.hasSimilarity && rates.hasSimilarity;
    const begunMs = this.#options.now();
    const common = { number, twins, settings, ruleBytes, begunMs, hasSimilarity };
    const draw =
      settings.judged === undefined || !hasSimilarity
        ? undefined
        : new PairDraw(number, settings.judged, { key: this.#drawKey, optsOut });
    const comparison = new Comparison({ ...common, draw }, rates.isCompared ? undefined : "time");
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
  collect({ comparison: number, twin }: ComparedLeg): OnAnswerJson | undefined {
    const comparison = this.#comparisons.get(number);
    const collector = comparison?.collect(twin);
    if (comparison === undefined || collector === undefined) return undefined;
    return (json) => {
      collector.add(json);
      this.#grew(comparison);
    };
  }

  /** An answer has ended. `usable`: it was read to its end and is no error. */
  end({ comparison: number, twin }: ComparedLeg, outcome: "usable" | "failed"): void {
    const comparison = this.#comparisons.get(number);
    if (comparison === undefined) return;
    for (const each of comparison.end(twin, outcome)) this.#compare(comparison, each);
    if (comparison.isOver) this.drop(number);
  }

  /** Removes a comparison: nothing more is expected. */
  drop(number: number): void {
    const comparison = this.#comparisons.get(number);
    if (comparison === undefined) return;
    this.#comparisons.delete(number);
    this.#held.remove(comparison);
  }

  #dropOld(): void {
    const beforeMs = this.#options.now() - maxAgeMs;
    for (const [number, { begunMs }] of this.#comparisons) {
      if (begunMs >= beforeMs) return;
      this.drop(number);
    }
  }

  /** If too much is held, the newest comparisons are given up: those that are nearly done stay. */
  #grew(comparison: Comparison): void {
    this.#held.update(comparison);
    while (this.#held.bytes > comparison.settings.maxHeldBytes) {
      if (!this.#held.skipNewest()) return;
    }
  }

  #compare(comparison: Comparison, twin: number): void {
    const { now, rates, onCompared } = this.#options;
    const startedMs = now();
    const result = contained(() => comparison.compare(twin));
    rates.spent(now() - startedMs);
    const drawn = comparison.drawFor(twin, result, this.#options.takeJudgeRoom);
    onCompared({ comparison: comparison.number, twin, result, ...(drawn && { drawn }) });
    comparison.clearTwin(twin);
    this.#held.update(comparison);
  }
}

/** An error in one comparison must not affect others. */
function contained(compare: () => SampleComparison): SampleComparison {
  try {
    return compare();
  } catch {
    return { agreement: skippedAgreement("other") };
  }
}

interface ComparisonStart {
  readonly number: number;
  readonly twins: number;
  readonly settings: ComparisonSettings;
  readonly ruleBytes: number;
  readonly begunMs: number;
  readonly hasSimilarity: boolean;
  readonly draw: PairDraw | undefined;
}

/** The key of the primary among the answers. */
const primaryKey = -1;
/** Memory of parsed JSON, per byte of its text. */
const parsedFactor = 4;

/** The answers of one request. */
class Comparison {
  readonly number: number;
  readonly settings: ComparisonSettings;
  readonly begunMs: number;
  /** Why its answers are not compared, if they are not. */
  skipped: SkipReason | undefined;
  /** Counted by `HeldAnswers`. */
  countedBytes = 0;
  readonly #hasSimilarity: boolean;
  readonly #answers = new Map<number, AnswerCollector>();
  /** Answers that were read to their ends, and are no errors. */
  readonly #usable = new Set<number>();
  readonly #ruleBytes: number;
  readonly #draw: PairDraw | undefined;
  #openTwins: number;
  #pieces: Buffer[] = [];
  #request: ComparedRequest = unknownRequest;
  #facts: SampleComparison["request"] = undefined;
  #requestBytes = 0;

  constructor(start: ComparisonStart, skipped: SkipReason | undefined) {
    this.number = start.number;
    this.settings = start.settings;
    this.begunMs = start.begunMs;
    this.skipped = skipped;
    this.#openTwins = start.twins;
    this.#hasSimilarity = start.hasSimilarity;
    this.#ruleBytes = start.ruleBytes;
    this.#draw = start.draw;
  }

  get isOver(): boolean {
    return this.#openTwins <= 0;
  }

  get heldBytes(): number {
    let bytes = this.#requestBytes + (this.#draw?.heldBytes ?? 0);
    for (const collector of this.#answers.values()) bytes += collector.heldBytes;
    return bytes;
  }

  addRequest(piece: Uint8Array): void {
    // Copied, because the bytes are valid only until the next record.
    this.#pieces.push(Buffer.from(piece));
    this.#requestBytes += piece.length;
  }

  /** All pieces are here. */
  readRequest(): void {
    const json = parsed(Buffer.concat(this.#pieces));
    this.#pieces = [];
    this.#requestBytes = 0;
    const read = readComparedRequest(json);
    if (read === undefined) return;
    this.#draw?.readRequest(json);
    const { schema, tools, ...facts } = read;
    const { decode, shape, script = null } = facts;
    this.#facts = { decode, shape, script, tools: tools?.size ?? 0 };
    this.#request = this.settings.checksSchemas ? read : facts;
    if (this.settings.checksSchemas) this.#requestBytes = parsedFactor * this.#ruleBytes;
  }

  collect(twin: number | undefined): AnswerCollector | undefined {
    const key = twin ?? primaryKey;
    if (this.skipped !== undefined || this.#answers.has(key)) return undefined;
    const collector = new AnswerCollector(this.settings);
    this.#answers.set(key, collector);
    return collector;
  }

  /** Returns the twins that can be compared now. */
  end(twin: number | undefined, outcome: "usable" | "failed"): readonly number[] {
    const key = twin ?? primaryKey;
    if (outcome === "usable") this.#usable.add(key);
    else if (twin === undefined) this.#openTwins = 0;
    else this.clearTwin(twin);
    // Only answers that are good on both sides are compared.
    if (outcome === "failed" || !this.#usable.has(primaryKey)) return [];
    return twin === undefined ? [...this.#usable].filter((each) => each !== primaryKey) : [twin];
  }

  compare(twin: number): SampleComparison {
    const facts = this.#facts === undefined ? {} : { request: this.#facts };
    const [primary, shadow] = [this.#answers.get(primaryKey), this.#answers.get(twin)];
    if (this.skipped !== undefined || primary === undefined || shadow === undefined) {
      return { ...facts, agreement: skippedAgreement(this.skipped ?? "other") };
    }
    if (primary.hasMedia || shadow.hasMedia) {
      return { ...facts, agreement: skippedAgreement("media") };
    }
    const { stripsReasoning, refusalPhrases } = this.settings;
    const found = compareAnswers(primary.answer(), shadow.answer(), this.#request, {
      ...{ stripsReasoning, refusalPhrases, hasSimilarity: this.#hasSimilarity },
    });
    return {
      ...facts,
      primary: outputFields(found.primary),
      shadow: outputFields(found.shadow),
      agreement: agreementFields(found.agreement),
    };
  }

  /** What a judge is asked about the twin; undefined if it is not. */
  drawFor(
    twin: number,
    { agreement }: SampleComparison,
    takeRoom: () => boolean,
  ): DrawnPair | undefined {
    const [primary, other] = [this.#answers.get(primaryKey), this.#answers.get(twin)];
    if (primary === undefined || other === undefined) return undefined;
    return this.#draw?.drawn(agreement, {
      ...{ primary: () => primary.answer(), other: () => other.answer(), takeRoom },
      stripsReasoning: this.settings.stripsReasoning,
    });
  }

  clearTwin(twin: number): void {
    this.#answers.get(twin)?.clear();
    this.#answers.delete(twin);
    this.#usable.delete(twin);
    this.#openTwins--;
  }

  /** Overwrites all text. */
  clear(): void {
    for (const collector of this.#answers.values()) collector.clear();
    this.#pieces = [];
    this.#request = unknownRequest;
    this.#requestBytes = 0;
    this.#draw?.clear();
  }
}

/** Undefined if it is no JSON. */
function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}
