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
    const texts = Array.from({ length: outputTokens }, (_, i) =>
      tokenText(i, i < from ? i : Math.floor(random() * words.length)),
    );
    const tokens = texts.map((text) => ({ text }));
    return { tokens, text: texts.join(""), finishReason: "length" };
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
