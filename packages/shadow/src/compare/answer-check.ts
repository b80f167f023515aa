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

/** Length of the text that is compared, in UTF-16 units. Later text is only tested for equality. */
const maxTextLength = 65_536;
/** Number of an answer's tool calls that are checked. */
export const maxToolCalls = 1_000;

/** How answers are read. */
export interface CompareOptions extends TextOptions {
  /** Phrases that mark a refusal, in addition to the built-in list. */
  readonly refusalPhrases?: readonly string[];
  /** Whether to measure `sim`, the slowest measure; true when absent. */
  readonly hasSimilarity?: boolean;
}

/** Checks of a single answer: numbers and names, no text. A field is null if its check does not apply. */
export interface AnswerCheck {
  /** True if only the start of the answer was checked. */
  readonly cut: boolean;
  /** Code points of the normalized text. */
  readonly chars: number;
  readonly refusal: 0 | 1;
  readonly loop: 0 | 1;
  /** Share of four-word runs that repeat an earlier run, 0 to 1. */
  readonly rep4: number;
  readonly json: JsonState | null;
  readonly schema: SchemaState | null;
  /** Number of tool calls. */
  readonly calls: number;
  /** Whether a tool call is invalid. */
  readonly toolBad: 0 | 1 | null;
  readonly script: Script | null;
  /** Perplexity, from the answer's own log probabilities. */
  readonly ppl: number | null;
}

/** An answer, and the normalized part of its text that is compared. */
export interface PreparedAnswer {
  readonly answer: Answer;
  readonly text: string;
  /** The text after that part, not normalized. */
  readonly tail: string;
  /** True if a part of the answer is not checked. */
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

/** Where the compared part ends. Never splits a surrogate pair. */
function endOfHead(text: string): number {
  if (text.length <= maxTextLength) return text.length;
  const last = text.charCodeAt(maxTextLength - 1);
  return last >= 0xd800 && last < 0xdc00 ? maxTextLength - 1 : maxTextLength;
}

/** Checks a single answer. The work is bounded for any answer. */
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

/** The result for a cut answer: its missing rest may make it valid. */
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

/** Schema checks are slow: of calls after these, only the names are checked. */
const maxCheckedCalls = 64;

/**
 * Checks the calls of an answer against the tools that the request offers. Returns 1 if a call is invalid, 0 if all
 * calls were checked and are valid. Null if no tools are offered, or if some calls were not checked and none of the
 * others is invalid.
 */
export function checkTools(
  { toolCalls = [], isCut = false }: Answer,
  { tools }: ComparedRequest,
): 0 | 1 | null {
  if (tools === undefined) return null;
  const budget = createSchemaBudget();
  // The last call of a cut answer may be incomplete.
  const whole = isCut ? toolCalls.slice(0, -1) : toolCalls;
  const isBad = whole
    .slice(0, maxToolCalls)
    .some((call, i) =>
      i < maxCheckedCalls ? checkToolCall(call, tools, budget) !== "valid" : !tools.has(call.name),
    );
  const isAllChecked = !isCut && toolCalls.length <= maxToolCalls && budget.left >= 0;
  return isBad || isAllChecked ? flag(isBad) : null;
}
