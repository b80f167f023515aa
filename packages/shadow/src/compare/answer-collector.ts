import type { Answer } from "./answer.ts";
import { CollectedParts } from "./collected-parts.ts";
import { HeldText } from "./held-text.ts";
import type { TokenLogprob } from "./log-probabilities.ts";

export interface AnswerCollectorOptions {
  /** Bytes of text and tool calls to keep, as UTF-8. The rest is only hashed. */
  readonly maxTextBytes: number;
  /** Whether to keep log probabilities; true when absent. */
  readonly keepsLogprobs?: boolean;
}

/** Largest number of tokens whose log probabilities are kept, and of alternatives for each token. */
const maxTokens = 1_024;
const maxAlternatives = 5;
/** Estimated memory of an alternative, in bytes. */
const entryBytes = 64;
/** Memory limit for log probabilities, in bytes: twice what typical tokens need. */
const maxTokenBytes = 1_048_576;

/** Collects one answer as its events arrive. Its memory is bounded for any answer. */
export class AnswerCollector extends CollectedParts {
  readonly #text = new HeldText();
  #tokens: TokenLogprob[] = [];
  #tokenBytes = 0;
  /** True once a token was left out: later tokens would be at wrong positions. */
  #areTokensCut = false;

  constructor({ maxTextBytes, keepsLogprobs = true }: AnswerCollectorOptions) {
    super(maxTextBytes);
    this.#areTokensCut = !keepsLogprobs;
  }

  get heldBytes(): number {
    return this.#text.heldBytes + this.callBytes + this.#tokenBytes;
  }

  /** The answer so far. */
  answer(): Answer {
    const { rest } = this;
    return {
      text: this.#text.text(),
      toolCalls: this.toolCalls,
      hasRefusal: this.hasRefusal,
      ...(this.finishReason === undefined ? {} : { finishReason: this.finishReason }),
      ...(this.#tokens.length === 0 ? {} : { logprobs: this.#tokens }),
      ...(rest === undefined ? {} : { isCut: true, rest }),
    };
  }

  clear(): void {
    this.#text.clear();
    this.#tokens = [];
    this.#tokenBytes = 0;
    this.clearParts();
  }

  text(piece: string): void {
    this.#text.add(this.takeText(piece));
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
}
