import { argumentsFor, brokenArguments, type OfferedTool } from "./offered-tool.ts";
import type { SimulatorOptions } from "./options.ts";

/** A tool call, or a piece of one. A later piece has no name. */
export interface CalledTool {
  readonly name: string;
  /** JSON as text. */
  readonly args: string;
}

/** What one token adds to an answer. */
export interface AnswerPart {
  readonly text?: string;
  /** Number of the likeliest word at this place, and of the word of the answer. */
  readonly words?: readonly [likeliest: number, chosen: number];
  readonly toolCall?: CalledTool;
}

/** What an answer says. */
export interface AnswerContent {
  readonly tokens: readonly AnswerPart[];
  /** All of it. */
  readonly text: string;
  readonly toolCall?: CalledTool;
  readonly finishReason: "length" | "tool_calls";
}

/** Characters of a tool call's arguments in one token. */
const tokenChars = 4;

/**
 * Makes up an answer: a call of the tool, if the request offers one.
 *
 * @param random uniform in [0, 1)
 */
export function answerTo(
  tool: OfferedTool | undefined,
  outputTokens: number,
  { brokenToolCalls, textNoise }: Pick<SimulatorOptions, "brokenToolCalls" | "textNoise">,
  random: () => number,
): AnswerContent {
  if (tool === undefined) {
    const from = random() < textNoise ? Math.floor(random() * outputTokens) : outputTokens;
    const tokens = Array.from({ length: outputTokens }, (_, i) => {
      const chosen = i < from ? i : Math.floor(random() * words.length);
      return { text: tokenText(i, chosen), words: [i, chosen] as const };
    });
    return { tokens, text: tokens.map(({ text }) => text).join(""), finishReason: "length" };
  }
  const args = random() < brokenToolCalls ? brokenArguments(tool) : argumentsFor(tool);
  const pieces = args.match(new RegExp(`.{1,${tokenChars}}`, "gsu")) ?? [];
  const tokens = pieces.map((piece, i) => ({
    toolCall: { name: i === 0 ? tool.name : "", args: piece },
  }));
  return { tokens, text: "", toolCall: { name: tool.name, args }, finishReason: "tool_calls" };
}

const words = ["I", "am", "a", "simulated", "model", "and", "these", "words", "mean", "nothing"];

function tokenText(index: number, word: number): string {
  const text = words[word % words.length] ?? "";
  return index === 0 ? text : ` ${text}`;
}

/** Of the likeliest word, in nats; each further word is this much less likely. */
const likeliestLogprob = -0.1;
const logprobStep = 0.5;

/**
 * Log probability of a token in OpenAI's form: words are less likely in the order of the list, from the likeliest on.
 *
 * @param drift added to every log probability, in nats: as of another engine
 */
export function logprobOf(
  { text = "", words: [likeliest, chosen] = [0, 0] }: AnswerPart,
  { top, drift }: { readonly top: number; readonly drift: number },
): object {
  const at = (rank: number) => likeliestLogprob - logprobStep * rank + drift;
  const rank = (((chosen - likeliest) % words.length) + words.length) % words.length;
  const isFirst = !text.startsWith(" ");
  const others = Array.from({ length: Math.min(top, words.length) }, (_, i) => ({
    token: tokenText(isFirst ? 0 : 1, likeliest + i),
    ...{ logprob: at(i), bytes: null },
  }));
  return { token: text, logprob: at(rank), bytes: null, top_logprobs: others };
}
