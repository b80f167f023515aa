import { AnswerRoom, textPart } from "./answer-room.ts";
import type { Json } from "./canonical-json.ts";
import type { TokenLogprob } from "./log-probabilities.ts";
import { type AnswerParts, readAnswerParts } from "./read-answer-parts.ts";
import { ToolCallTexts } from "./tool-call-texts.ts";
import type { ToolCall } from "./tool-calls.ts";

const maxFinishLength = 32;

/** What is collected of every answer in the same way, as its events arrive. A subclass keeps its text and tokens. */
export abstract class CollectedParts implements AnswerParts {
  readonly #room: AnswerRoom;
  readonly #calls: ToolCallTexts;
  protected hasRefusal = false;
  protected finishReason: string | undefined = undefined;
  protected isCleared = false;
  hasMedia = false;

  /** @param maxTextBytes bytes of text and tool calls to keep, as UTF-8 */
  constructor(maxTextBytes: number) {
    this.#room = new AnswerRoom(maxTextBytes);
    this.#calls = new ToolCallTexts(this.#room);
  }

  /** Estimated memory, in bytes. */
  abstract readonly heldBytes: number;
  /** Overwrites and removes what was collected. */
  abstract clear(): void;
  abstract text(piece: string): void;
  abstract logprobs(tokens: readonly TokenLogprob[]): void;

  /**
   * Adds an event of a stream, or a whole answer, as `JSON.parse` returned it. Does nothing after `clear`, or after an
   * `end`.
   */
  add(json: Json): void {
    if (!this.isCleared) readAnswerParts(json, this);
  }

  toolName(index: number, piece: string): void {
    this.#calls.add(index, piece, "name");
  }

  toolArguments(index: number, piece: string): void {
    this.#calls.add(index, piece, "args");
  }

  refusal(): void {
    this.hasRefusal = true;
  }

  finish(reason: string): void {
    this.finishReason = reason.slice(0, maxFinishLength);
  }

  media(): void {
    this.hasMedia = true;
  }

  protected get toolCalls(): readonly ToolCall[] {
    return this.#calls.calls();
  }

  /** Memory of the tool calls, in bytes. */
  protected get callBytes(): number {
    return this.#calls.heldBytes;
  }

  /** Digest of what did not fit; undefined if everything fitted. */
  protected get rest(): string | undefined {
    return this.#room.rest;
  }

  /** Returns the part of a piece of text that fits, in whole characters. */
  protected takeText(piece: string): string {
    return this.#room.take(textPart, piece);
  }

  protected clearParts(): void {
    this.isCleared = true;
    this.#calls.clear();
    this.#room.clear();
  }
}
