import { createHmac } from "node:crypto";
import { type AnswerCheck, checkJson, checkTools, uncheckedJson } from "./answer-check.ts";
import { canonicalJson } from "./canonical-json.ts";
import { CollectedParts } from "./collected-parts.ts";
import type { ComparedRequest } from "./compared-request.ts";
import { HeldText } from "./held-text.ts";
import { readJsonAnswer } from "./json-answer.ts";
import { perplexity, type TokenLogprob } from "./log-probabilities.ts";
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

/** Estimated memory of a finished tool call, and of all small fields, in bytes. */
const [callBytes, sketchBytes] = [160, 560];

/**
 * Sketches one answer as its events arrive. While it streams, it holds only the first and last characters of the text,
 * and what must be read whole: arguments of tool calls, and an answer that must be JSON. After `end`, it holds no text.
 */
export class AnswerSketcher extends CollectedParts {
  readonly #options: AnswerSketchOptions;
  readonly #request: ComparedRequest;
  readonly #sketch: TextSketch;
  readonly #text: StreamedText;
  /** The text itself, if it must be JSON. */
  readonly #json: HeldText | undefined;
  #tokens = 0;
  #logprobs = 0;
  #finished: AnswerSketch | undefined = undefined;

  constructor(request: ComparedRequest, options: AnswerSketchOptions) {
    super(options.maxTextBytes);
    this.#options = options;
    this.#request = request;
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

  get heldBytes(): number {
    const finished = this.#finished;
    if (finished !== undefined) return sketchBytes + finished.calls.length * callBytes;
    if (this.isCleared) return 0;
    const json = this.#json?.heldBytes ?? 0;
    return this.#sketch.heldBytes + 2 * this.#text.heldUnits + json + this.callBytes;
  }

  /** Ends the answer: drops the text that is held, and returns the sketch. */
  end(): AnswerSketch {
    this.#finished ??= this.#makeSketch();
    this.#drop();
    return this.#finished;
  }

  clear(): void {
    this.#finished = undefined;
    this.#drop();
  }

  text(piece: string): void {
    const kept = this.takeText(piece);
    if (kept !== "") this.#text.add(kept);
  }

  logprobs(tokens: readonly TokenLogprob[]): void {
    if (this.#options.keepsLogprobs === false) return;
    this.#tokens += tokens.length;
    for (const { logprob } of tokens) this.#logprobs += logprob;
  }

  #makeSketch(): AnswerSketch {
    this.#text.end();
    const text = this.#sketch.finish();
    const { rest, toolCalls } = this;
    const isCut = rest !== undefined;
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
    const finishReason = this.finishReason;
    const signs = { text: "", hasRefusal: this.hasRefusal };
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
    this.#sketch.reset();
    this.#text.clear();
    this.#json?.clear();
    this.clearParts();
  }
}
