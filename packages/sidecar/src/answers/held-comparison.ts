import {
  agreementFields,
  outputFields,
  type SampleComparison,
  type SkipReason,
  skippedAgreement,
} from "@umbra/shadow";
import {
  AnswerCollector,
  type AnswerComparison,
  AnswerSketcher,
  type ComparedRequest,
  compareAnswers,
  compareSketches,
  readComparedRequest,
  unknownRequest,
} from "@umbra/shadow/compare";
import type { ComparisonSettings, DrawnPair } from "./comparison-messages.ts";
import type { HeldPart } from "./held-answers.ts";
import type { PairDraw } from "./pair-draw.ts";
import type { PlacesToTake } from "./text-places.ts";

export interface ComparisonStart {
  readonly number: number;
  readonly twins: number;
  readonly settings: ComparisonSettings;
  /** Bytes of the tools and the schema in the request's body. */
  readonly ruleBytes: number;
  readonly begunMs: number;
  readonly hasSimilarity: boolean;
  /** Key of the hashes of sketches. */
  readonly key: Uint8Array;
  /** The draw of its pairs for a judge; undefined without one. */
  readonly draw: PairDraw | undefined;
}

/** The key of the primary among the answers. */
const primaryKey = -1;
/** Memory of parsed JSON, per byte of its text. */
const parsedFactor = 4;

/** An answer that is collected as its text, or as a sketch of it. */
type HeldAnswer = AnswerCollector | AnswerSketcher;

/** The answers of one request, until they are compared. */
export class HeldComparison implements HeldPart {
  readonly number: number;
  readonly settings: ComparisonSettings;
  readonly begunMs: number;
  /** Why its answers are not compared, if they are not. */
  skipped: SkipReason | undefined;
  countedBytes = 0;
  readonly #start: ComparisonStart;
  readonly #answers = new Map<number, HeldAnswer>();
  /** Answers that were read to their ends, and are no errors. */
  readonly #usable = new Set<number>();
  #openTwins: number;
  #pieces: Buffer[] = [];
  #request: ComparedRequest = unknownRequest;
  #facts: SampleComparison["request"] = undefined;
  #requestBytes = 0;

  constructor(start: ComparisonStart, skipped: SkipReason | undefined) {
    this.#start = start;
    this.number = start.number;
    this.settings = start.settings;
    this.begunMs = start.begunMs;
    this.skipped = skipped;
    this.#openTwins = start.twins;
  }

  get isOver(): boolean {
    return this.#openTwins <= 0;
  }

  get heldBytes(): number {
    let bytes = this.#requestBytes + (this.#start.draw?.heldBytes ?? 0);
    for (const answer of this.#answers.values()) bytes += answer.heldBytes;
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
    for (const piece of this.#pieces) piece.fill(0);
    this.#pieces = [];
    this.#requestBytes = 0;
    const read = readComparedRequest(json);
    if (read === undefined) return;
    this.#start.draw?.readRequest(json);
    const { schema, tools, ...facts } = read;
    const { decode, shape, script = null } = facts;
    this.#facts = { decode, shape, script, tools: tools?.size ?? 0 };
    this.#request = this.settings.checksSchemas ? read : facts;
    if (this.settings.checksSchemas) this.#requestBytes = parsedFactor * this.#start.ruleBytes;
  }

  /** Begins an answer. Undefined if it is not compared. */
  collect(twin: number | undefined): HeldAnswer | undefined {
    const key = twin ?? primaryKey;
    if (this.skipped !== undefined || this.#answers.has(key)) return undefined;
    const answer = this.#newAnswer();
    this.#answers.set(key, answer);
    return answer;
  }

  /** Returns the twins that can be compared now. */
  end(twin: number | undefined, outcome: "usable" | "failed"): readonly number[] {
    const key = twin ?? primaryKey;
    if (outcome === "usable") this.#keep(key);
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
    const found = this.#compared(primary, shadow);
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
    places: PlacesToTake,
  ): DrawnPair | undefined {
    const [primary, other] = [this.#answers.get(primaryKey), this.#answers.get(twin)];
    if (!(primary instanceof AnswerCollector) || !(other instanceof AnswerCollector)) {
      return undefined;
    }
    return this.#start.draw?.drawn(agreement, {
      ...{ primary: () => primary.answer(), other: () => other.answer(), places },
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
    for (const answer of this.#answers.values()) answer.clear();
    for (const piece of this.#pieces) piece.fill(0);
    this.#pieces = [];
    this.#request = unknownRequest;
    this.#requestBytes = 0;
    this.#start.draw?.clear();
  }

  #newAnswer(): HeldAnswer {
    const { settings } = this;
    if (settings.mode === "numbers") return new AnswerCollector(settings);
    const { hasSimilarity, key } = this.#start;
    return new AnswerSketcher(this.#request, { ...settings, hasSimilarity, key });
  }

  /** An answer has ended that can be compared: of a sketched one, no text is left. */
  #keep(key: number): void {
    this.#usable.add(key);
    const answer = this.#answers.get(key);
    if (!(answer instanceof AnswerSketcher) || this.skipped !== undefined) return;
    try {
      answer.end();
    } catch {
      // An error in one comparison must not affect others.
      this.skipped = "other";
      answer.clear();
    }
  }

  #compared(primary: HeldAnswer, shadow: HeldAnswer): AnswerComparison {
    if (primary instanceof AnswerSketcher && shadow instanceof AnswerSketcher) {
      return compareSketches(primary.end(), shadow.end(), this.#request);
    }
    if (primary instanceof AnswerSketcher || shadow instanceof AnswerSketcher) {
      throw new Error("answers of one request are collected in the same way");
    }
    const { stripsReasoning, refusalPhrases } = this.settings;
    const { hasSimilarity } = this.#start;
    return compareAnswers(primary.answer(), shadow.answer(), this.#request, {
      ...{ stripsReasoning, refusalPhrases, hasSimilarity },
    });
  }
}

/** Undefined if it is no JSON. */
function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  } finally {
    body.fill(0);
  }
}
