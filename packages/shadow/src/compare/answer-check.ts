import type { Answer } from "./answer.ts";
import type { ComparedRequest } from "./compared-request.ts";
import { type JsonState, readJsonAnswer } from "./json-answer.ts";
import { perplexityOf } from "./log-probabilities.ts";
import {
  codePointsOf,
  normalizeText,
  type TextOptions,
  withoutReasoning,
} from "./normalized-text.ts";
import { isRefusal } from "./refusal.ts";
import { isLoop, repeatedShare, wordsOf } from "./repetition.ts";
import { checkSchema } from "./schema.ts";
import { createSchemaBudget, type SchemaState } from "./schema-check.ts";
import { type Script, scriptOf } from "./script.ts";
import { checkToolCall } from "./tool-calls.ts";

/** Units of an answer's text that are looked at. What comes after is not compared. */
const maxTextLength = 65_536;
/** Tool calls of an answer that are looked at. */
export const maxToolCalls = 1_000;

/** How answers are read. */
export interface CompareOptions extends TextOptions {
  /** Phrases that mark a refusal, besides those of the lexicon. */
  readonly refusalPhrases?: readonly string[];
  /** Whether `sim` is measured, which takes most of the time; true when absent. */
  readonly hasSimilarity?: boolean;
}

/** What one answer is like on its own: numbers and names, no text. Null where the request does not ask for it. */
export interface AnswerCheck {
  /** True if only the start of the answer was looked at. */
  readonly cut: boolean;
  /** Code points of the normalized text. */
  readonly chars: number;
  readonly refusal: 0 | 1;
  readonly loop: 0 | 1;
  /** Share of the runs of four words that were there before, 0 to 1. */
  readonly rep4: number;
  readonly json: JsonState | null;
  readonly schema: SchemaState | null;
  /** Number of tool calls. */
  readonly calls: number;
  /** Whether a tool call is invalid. */
  readonly toolBad: 0 | 1 | null;
  readonly script: Script | null;
  /** Perplexity by its own log probabilities. */
  readonly ppl: number | null;
}

/** An answer, and the part of its text that is looked at, normalized. */
export interface PreparedAnswer {
  readonly answer: Answer;
  readonly text: string;
  /** What comes after that part, as it was written. */
  readonly tail: string;
  /** True if not all of the answer is looked at. */
  readonly isCut: boolean;
}

/** Prepares an answer for its checks and comparisons. */
export function prepareAnswer(
  answer: Answer,
  { stripsReasoning = true }: TextOptions = {},
): PreparedAnswer {
  const visible = stripsReasoning ? withoutReasoning(answer.text) : answer.text;
  const end = endOfHead(visible);
  const [head, tail] = [visible.slice(0, end), visible.slice(end)];
  const calls = answer.toolCalls?.length ?? 0;
  return {
    ...{ answer, text: normalizeText(head, { stripsReasoning: false }), tail },
    isCut: answer.isCut === true || tail !== "" || calls > maxToolCalls,
  };
}

/** Does not cut a character in two. */
function endOfHead(text: string): number {
  if (text.length <= maxTextLength) return text.length;
  const last = text.charCodeAt(maxTextLength - 1);
  return last >= 0xd800 && last < 0xdc00 ? maxTextLength - 1 : maxTextLength;
}

/** Checks one answer on its own. Work is bounded whatever the answer is. */
export function checkAnswer(
  { answer, text, isCut }: PreparedAnswer,
  request: ComparedRequest,
  options: CompareOptions = {},
): AnswerCheck {
  const { toolCalls = [], finishReason, logprobs = [] } = answer;
  const words = wordsOf(text);
  const phrases = options.refusalPhrases ?? [];
  const signs = { text, phrases, hasRefusal: answer.hasRefusal === true };
  return {
    cut: isCut,
    chars: codePointsOf(text).length,
    refusal: flag(isRefusal(finishReason === undefined ? signs : { ...signs, finishReason })),
    loop: flag(isLoop(text, words)),
    rep4: repeatedShare(words),
    ...(isCut ? uncheckedJson : checkJson(text, request)),
    calls: toolCalls.length,
    toolBad: checkTools(answer, request),
    script: scriptOf(text),
    ppl: perplexityOf(logprobs),
  };
}

function flag(isSet: boolean): 0 | 1 {
  return isSet ? 1 : 0;
}

/** The rest of a cut answer may make it valid. */
export const uncheckedJson = { json: null, schema: null } as const;

/** Checks a normalized text against what the request asks for. */
export function checkJson(
  text: string,
  { shape, schema }: ComparedRequest,
): Pick<AnswerCheck, "json" | "schema"> {
  if (shape !== "json") return uncheckedJson;
  const read = readJsonAnswer(text);
  if (read.state !== "valid" || schema === undefined) return { json: read.state, schema: null };
  return { json: read.state, schema: checkSchema(read.value, schema).state };
}

/** Checks of schemas take work. Calls beyond these are looked at by name only. */
const maxCheckedCalls = 64;

/**
 * Checks the calls of an answer against the tools that the request offers. A bad call is bad whatever follows; whether
 * calls that are not looked at are bad is not known.
 */
export function checkTools(
  { toolCalls = [], isCut = false }: Answer,
  { tools }: ComparedRequest,
): 0 | 1 | null {
  if (tools === undefined) return null;
  const budget = createSchemaBudget();
  // Of the last call of a cut answer there may be only the start.
  const whole = isCut ? toolCalls.slice(0, -1) : toolCalls;
  const isBad = whole
    .slice(0, maxToolCalls)
    .some((call, i) =>
      i < maxCheckedCalls ? checkToolCall(call, tools, budget) !== "valid" : !tools.has(call.name),
    );
  const isAllChecked = !isCut && toolCalls.length <= maxToolCalls && budget.left >= 0;
  return isBad || isAllChecked ? flag(isBad) : null;
}
