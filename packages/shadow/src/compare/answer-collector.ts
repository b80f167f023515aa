import { createHash, type Hash } from "node:crypto";
import type { Answer } from "./answer.ts";
import { maxToolCalls } from "./answer-check.ts";
import type { Json } from "./canonical-json.ts";
import { HeldText } from "./held-text.ts";
import type { TokenLogprob } from "./log-probabilities.ts";
import { type AnswerParts, readAnswerParts } from "./read-answer-parts.ts";

export interface AnswerCollectorOptions {
  /** Bytes of text and tool calls that are kept, as UTF-8. What comes after is only counted and hashed. */
  readonly maxTextBytes: number;
}

/** Most tokens whose log probabilities are kept, and most alternatives of each. */
const maxTokens = 1_024;
const maxAlternatives = 5;
/** Estimated memory of an alternative or a tool call, in bytes. */
const entryBytes = 64;
/** Most memory of log probabilities, in bytes: twice what usual tokens take. */
const maxTokenBytes = 1_048_576;
const maxFinishLength = 32;
const hashedLength = 4_096;

/** Of the text; the parts of tool calls have their index, from 0 on. */
const textPart = -1;

/** Collects one answer as its events arrive. Its memory is bounded, whatever the answer is. */
export class AnswerCollector implements AnswerParts {
  readonly #text = new HeldText();
  readonly #calls = new Map<number, Call>();
  #room: number;
  #heldCallBytes = 0;
  #tokens: TokenLogprob[] = [];
  #tokenBytes = 0;
  /** A token was left out: those after it would not be at their places. */
  #areTokensCut = false;
  #hasRefusal = false;
  #finishReason: string | undefined = undefined;
  /** Of what is not kept; undefined as long as all is kept. */
  #rest: Hash | undefined = undefined;
  /** The end of it, which is hashed in longer pieces: hashing each takes as long as reading it. */
  #unhashed = "";
  /** The part of which the last piece was. */
  #lastPart = textPart;
  /** First half of a character of that part, whose second half is in the next piece. */
  #half = "";
  #isCleared = false;
  hasMedia = false;

  constructor({ maxTextBytes }: AnswerCollectorOptions) {
    this.#room = maxTextBytes;
  }

  /** Adds an event of a stream, or a whole answer, as `JSON.parse` returned it. Does nothing after `clear`. */
  add(json: Json): void {
    if (!this.#isCleared) readAnswerParts(json, this);
  }

  /** Estimated memory, in bytes. */
  get heldBytes(): number {
    return this.#text.heldBytes + this.#heldCallBytes + this.#tokenBytes;
  }

  /** The answer so far. */
  answer(): Answer {
    const calls = [...this.#calls.values()];
    return {
      text: this.#text.text(),
      toolCalls: calls.map(({ name, args }) => ({ name: name.text(), arguments: args.text() })),
      hasRefusal: this.#hasRefusal,
      ...(this.#finishReason === undefined ? {} : { finishReason: this.#finishReason }),
      ...(this.#tokens.length === 0 ? {} : { logprobs: this.#tokens }),
      ...(this.#rest === undefined
        ? {}
        : { isCut: true, rest: this.#rest.copy().update(this.#unhashed).digest("hex") }),
    };
  }

  /** Overwrites and removes what was collected. */
  clear(): void {
    this.#isCleared = true;
    this.#text.clear();
    for (const { name, args } of this.#calls.values()) {
      name.clear();
      args.clear();
    }
    this.#calls.clear();
    this.#tokens = [];
    this.#rest = undefined;
    [this.#unhashed, this.#half] = ["", ""];
    [this.#heldCallBytes, this.#tokenBytes] = [0, 0];
  }

  text(piece: string): void {
    this.#keep(this.#text, textPart, piece);
  }

  toolName(index: number, piece: string): void {
    this.#keepOfCall(index, piece, "name");
  }

  toolArguments(index: number, piece: string): void {
    this.#keepOfCall(index, piece, "args");
  }

  refusal(): void {
    this.#hasRefusal = true;
  }

  finish(reason: string): void {
    this.#finishReason = reason.slice(0, maxFinishLength);
  }

  logprobs(tokens: readonly TokenLogprob[]): void {
    for (const { token, logprob, top } of tokens) {
      const kept = { token, logprob, top: top.slice(0, maxAlternatives) };
      const chars = kept.top.reduce((sum, each) => sum + each.token.length, token.length);
      const bytes = chars + (1 + kept.top.length) * entryBytes;
      this.#areTokensCut ||=
        this.#tokens.length >= maxTokens || this.#tokenBytes + bytes > maxTokenBytes;
      if (this.#areTokensCut) return;
      this.#tokens.push(kept);
      this.#tokenBytes += bytes;
    }
  }

  media(): void {
    this.hasMedia = true;
  }

  #keepOfCall(index: number, piece: string, part: keyof Call): void {
    const call = this.#calls.get(index) ?? this.#newCall(index);
    const before = call?.[part].heldBytes ?? 0;
    this.#keep(call?.[part], index, piece);
    this.#heldCallBytes += (call?.[part].heldBytes ?? 0) - before;
  }

  /** Undefined for a call that is not kept. */
  #newCall(index: number): Call | undefined {
    if (this.#calls.size >= maxToolCalls || this.#rest !== undefined) return undefined;
    const call = { name: new HeldText(), args: new HeldText() };
    this.#calls.set(index, call);
    this.#heldCallBytes += entryBytes;
    return call;
  }

  /** Pieces may end anywhere: the same answer is cut at the same place, and has the same rest. */
  #keep(text: HeldText | undefined, part: number, piece: string): void {
    if (part !== this.#lastPart) {
      [this.#lastPart, this.#half] = [part, ""];
      if (this.#rest !== undefined) this.#addToRest(`\0${part}\0`);
    }
    const whole = this.#wholeCharacters(piece);
    if (this.#rest !== undefined || text === undefined) {
      this.#addToRest(whole);
      return;
    }
    const { used, rest } = text.add(whole, this.#room);
    this.#room -= used;
    if (rest !== "") this.#addToRest(rest);
  }

  #wholeCharacters(piece: string): string {
    const joined = this.#half === "" ? piece : this.#half + piece;
    const last = joined.charCodeAt(joined.length - 1);
    const isHalf = last >= 0xd800 && last < 0xdc00;
    this.#half = isHalf ? joined.slice(-1) : "";
    return isHalf ? joined.slice(0, -1) : joined;
  }

  #addToRest(piece: string): void {
    this.#rest ??= createHash("sha256").update(`\0${this.#lastPart}\0`);
    this.#unhashed += piece;
    if (this.#unhashed.length < hashedLength) return;
    this.#rest.update(this.#unhashed);
    this.#unhashed = "";
  }
}

interface Call {
  readonly name: HeldText;
  readonly args: HeldText;
}
