import { createHmac } from "node:crypto";
import {
  type AnswerCheck,
  checkJson,
  checkTools,
  maxToolCalls,
  uncheckedJson,
} from "./answer-check.ts";
import { AnswerRoom, textPart } from "./answer-room.ts";
import { canonicalJson, type Json } from "./canonical-json.ts";
import type { ComparedRequest } from "./compared-request.ts";
import { HeldText } from "./held-text.ts";
import { readJsonAnswer } from "./json-answer.ts";
import { perplexity, type TokenLogprob } from "./log-probabilities.ts";
import { type AnswerParts, readAnswerParts } from "./read-answer-parts.ts";
import { isRefusal } from "./refusal.ts";
import { StreamedText } from "./streamed-text.ts";
import { type SketchedText, TextSketch } from "./text-sketch.ts";
import { comparedArguments, type ToolCall } from "./tool-calls.ts";

export interface AnswerSketchOptions {
  /** Bytes of text and tool calls to sketch, as UTF-8. The rest is only hashed. */
  readonly maxTextBytes: number;
  /** Whether to remove a leading `<think>…</think>`. */
  readonly stripsReasoning: boolean;
  readonly refusalPhrases: readonly string[];
  /** Whether to keep hashes of character runs, which similarity needs. */
  readonly hasSimilarity: boolean;
  /** Whether to keep the perplexity; true when absent. */
  readonly keepsLogprobs?: boolean;
  /** Key of the hashes, at least 12 bytes. Only sketches with the same key can be compared. */
  readonly key: Uint8Array;
}

/** A summary of an answer without its text: numbers, names and keyed hashes. */
export interface AnswerSketch {
  readonly check: AnswerCheck;
  readonly text: Pick<SketchedText, "chars" | "digest" | "runs" | "prefixes">;
  /** Hash of the text after the sketched part; undefined if all of it was sketched. */
  readonly rest: string | undefined;
  /** Names and arguments are hashes. */
  readonly calls: readonly ToolCall[];
  /** Hash of the answer as JSON; undefined if it has none. */
  readonly json: string | undefined;
}

const maxFinishLength = 32;
/** Estimated memory of a finished tool call, and of all small fields, in bytes. */
const [callBytes, sketchBytes] = [160, 560];

/**
 * Sketches one answer as its events arrive. While it streams, it holds only the first and last characters of the text,
 * and what must be read whole: arguments of tool calls, and an answer that must be JSON. After `end`, it holds no text.
 */
export class AnswerSketcher implements AnswerParts {
  readonly #options: AnswerSketchOptions;
  readonly #request: ComparedRequest;
  readonly #room: AnswerRoom;
  readonly #sketch: TextSketch;
  readonly #text: StreamedText;
  /** The text itself, if it must be JSON. */
  readonly #json: HeldText | undefined;
  readonly #calls = new Map<number, Call>();
  #hasRefusal = false;
  #finishReason: string | undefined = undefined;
  #tokens = 0;
  #logprobs = 0;
  #finished: AnswerSketch | undefined = undefined;
  #isCleared = false;
  hasMedia = false;

  constructor(request: ComparedRequest, options: AnswerSketchOptions) {
    this.#options = options;
    this.#request = request;
    this.#room = new AnswerRoom(options.maxTextBytes);
    this.#json = request.shape === "json" ? new HeldText() : undefined;
    this.#sketch = new TextSketch(options);
    this.#text = new StreamedText(
      {
        add: (piece) => {
          this.#sketch.add(piece);
          this.#json?.add(piece);
        },
        reset: () => {
          this.#sketch.reset();
          this.#json?.clear();
        },
      },
      options,
    );
  }

  /** Adds an event of a stream, or a whole answer, as `JSON.parse` returned it. Does nothing after `end` or `clear`. */
  add(json: Json): void {
    if (!this.#isCleared) readAnswerParts(json, this);
  }

  /** Estimated memory, in bytes. */
  get heldBytes(): number {
    const finished = this.#finished;
    if (finished !== undefined) return sketchBytes + finished.calls.length * callBytes;
    if (this.#isCleared) return 0;
    let bytes = this.#sketch.heldBytes + 2 * this.#text.heldUnits + (this.#json?.heldBytes ?? 0);
    for (const { name, args } of this.#calls.values()) bytes += name.heldBytes + args.heldBytes;
    return bytes + this.#calls.size * callBytes;
  }

  /** Ends the answer: drops the text that is held, and returns the sketch. */
  end(): AnswerSketch {
    this.#finished ??= this.#makeSketch();
    this.#drop();
    return this.#finished;
  }

  /** Overwrites and removes what was collected. */
  clear(): void {
    this.#finished = undefined;
    this.#drop();
  }

  text(piece: string): void {
    const kept = this.#room.take(textPart, piece);
    if (kept !== "") this.#text.add(kept);
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
    if (this.#options.keepsLogprobs === false) return;
    this.#tokens += tokens.length;
    for (const { logprob } of tokens) this.#logprobs += logprob;
  }

  media(): void {
    this.hasMedia = true;
  }

  #keepOfCall(index: number, piece: string, part: keyof Call): void {
    const call = this.#calls.get(index) ?? this.#newCall(index);
    if (call === undefined) this.#room.leave(index, piece);
    else call[part].add(this.#room.take(index, piece));
  }

  /** Undefined if the call is not kept. */
  #newCall(index: number): Call | undefined {
    if (this.#calls.size >= maxToolCalls || this.#room.isFull) return undefined;
    const call = { name: new HeldText(), args: new HeldText() };
    this.#calls.set(index, call);
    return call;
  }

  #makeSketch(): AnswerSketch {
    this.#text.end();
    const text = this.#sketch.finish();
    const { rest } = this.#room;
    const isCut = rest !== undefined;
    const toolCalls = [...this.#calls.values()].map(({ name, args }) => ({
      ...{ name: name.text(), arguments: args.text() },
    }));
    const json = this.#json?.text() ?? "";
    const { chars, digest, runs, prefixes } = text;
    return {
      text: { chars, digest, runs, prefixes },
      ...{ rest, json: isCut ? undefined : this.#hashOfJson(json) },
      calls: toolCalls.map((call) => this.#hashedCall(call)),
      check: {
        ...{ cut: isCut, chars, refusal: this.#isRefusal(text) ? 1 : 0, loop: text.isLoop ? 1 : 0 },
        ...{ rep4: text.rep4, ...(isCut ? uncheckedJson : checkJson(json, this.#request)) },
        calls: toolCalls.length,
        toolBad: checkTools({ text: "", toolCalls, isCut }, this.#request),
        ...{ script: text.script, ppl: perplexity(this.#tokens, this.#logprobs) },
      },
    };
  }

  #isRefusal({ isRefused }: SketchedText): boolean {
    const finishReason = this.#finishReason;
    const signs = { text: "", hasRefusal: this.#hasRefusal };
    return isRefused || isRefusal(finishReason === undefined ? signs : { ...signs, finishReason });
  }

  /** Undefined if the text is not JSON or is nested too deep. */
  #hashOfJson(text: string): string | undefined {
    if (this.#json === undefined) return undefined;
    const read = readJsonAnswer(text);
    const canonical = read.state === "invalid" ? undefined : canonicalJson(read.value);
    return canonical === undefined ? undefined : this.#hash(canonical);
  }

  /** A call with hashes, as JSON strings, for its name and arguments; it can be compared like any other call. */
  #hashedCall({ name, arguments: args }: ToolCall): ToolCall {
    const hashed = this.#hash(comparedArguments(args));
    return { name: this.#hash(name), arguments: JSON.stringify(hashed) };
  }

  #hash(text: string): string {
    return createHmac("sha256", this.#options.key).update(text).digest("base64");
  }

  #drop(): void {
    this.#isCleared = true;
    this.#sketch.reset();
    this.#text.clear();
    this.#json?.clear();
    for (const { name, args } of this.#calls.values()) {
      name.clear();
      args.clear();
    }
    this.#calls.clear();
    this.#room.clear();
  }
}

interface Call {
  readonly name: HeldText;
  readonly args: HeldText;
}
