import type { Answer } from "./answer.ts";
import { maxToolCalls } from "./answer-check.ts";
import { AnswerRoom, textPart } from "./answer-room.ts";
import type { Json } from "./canonical-json.ts";
import { HeldText } from "./held-text.ts";
import type { TokenLogprob } from "./log-probabilities.ts";
import { type AnswerParts, readAnswerParts } from "./read-answer-parts.ts";

export interface AnswerCollectorOptions {
  /** Bytes of text and tool calls to keep, as UTF-8. The rest is only hashed. */
  readonly maxTextBytes: number;
  /** Whether to keep log probabilities; true when absent. */
  readonly keepsLogprobs?: boolean;
}

/** Largest number of tokens whose log probabilities are kept, and of alternatives for each token. */
const maxTokens = 1_024;
const maxAlternatives = 5;
/** Estimated memory of an alternative or a tool call, in bytes. */
const entryBytes = 64;
/** Memory limit for log probabilities, in bytes: twice what typical tokens need. */
const maxTokenBytes = 1_048_576;
const maxFinishLength = 32;

/** Collects one answer as its events arrive. Its memory is bounded for any answer. */
export class AnswerCollector implements AnswerParts {
  readonly #text = new HeldText();
  readonly #calls = new Map<number, Call>();
  readonly #room: AnswerRoom;
  #heldCallBytes = 0;
  #tokens: TokenLogprob[] = [];
  #tokenBytes = 0;
  /** True once a token was left out: later tokens would be at wrong positions. */
  #areTokensCut = false;
  #hasRefusal = false;
  #finishReason: string | undefined = undefined;
  #isCleared = false;
  hasMedia = false;

  constructor({ maxTextBytes, keepsLogprobs = true }: AnswerCollectorOptions) {
    this.#room = new AnswerRoom(maxTextBytes);
    this.#areTokensCut = !keepsLogprobs;
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
    const { rest } = this.#room;
    return {
      text: this.#text.text(),
      toolCalls: calls.map(({ name, args }) => ({ name: name.text(), arguments: args.text() })),
      hasRefusal: this.#hasRefusal,
      ...(this.#finishReason === undefined ? {} : { finishReason: this.#finishReason }),
      ...(this.#tokens.length === 0 ? {} : { logprobs: this.#tokens }),
      ...(rest === undefined ? {} : { isCut: true, rest }),
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
    this.#room.clear();
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
    if (this.#areTokensCut) return;
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

  /** Undefined if the call is not kept. */
  #newCall(index: number): Call | undefined {
    if (this.#calls.size >= maxToolCalls || this.#room.isFull) return undefined;
    const call = { name: new HeldText(), args: new HeldText() };
    this.#calls.set(index, call);
    this.#heldCallBytes += entryBytes;
    return call;
  }

  #keep(text: HeldText | undefined, part: number, piece: string): void {
    if (text === undefined) this.#room.leave(part, piece);
    else text.add(this.#room.take(part, piece));
  }
}

interface Call {
  readonly name: HeldText;
  readonly args: HeldText;
}
