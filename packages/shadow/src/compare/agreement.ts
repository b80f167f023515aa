import type { Answer } from "./answer.ts";
import { type CompareOptions, maxToolCalls, type PreparedAnswer } from "./answer-check.ts";
import { isSameJson, sharedKeys } from "./canonical-json.ts";
import { commonPrefix } from "./common-prefix.ts";
import type { ComparedRequest } from "./compared-request.ts";
import { readJsonAnswer } from "./json-answer.ts";
import { logprobDrift } from "./log-probabilities.ts";
import { normalizeText, type TextOptions } from "./normalized-text.ts";
import { similarity } from "./similarity.ts";
import { compareToolCalls, type ToolCall, type ToolLevel } from "./tool-calls.ts";

/** How far two texts agree. */
export interface TextAgreement {
  /** 1 if the normalized texts are the same. */
  readonly exact: 0 | 1;
  /** Code points of their common prefix. */
  readonly lcp: number;
  /** Its share of the longer text, 0 to 1. */
  readonly lcpShare: number;
  /** chrF, 0 to 1. */
  readonly sim: number;
}

/** How far two answers agree: numbers and names, no text. Null where there is nothing to compare. */
export interface AnswerAgreement extends Pick<TextAgreement, "lcp" | "lcpShare"> {
  /** 1 if text and tool calls are the same. Null if the starts match but the rest of a cut answer is unknown. */
  readonly exact: 0 | 1 | null;
  /** Similarity (chrF), 0 to 1; null if it was not measured. */
  readonly sim: number | null;
  /** 1 if both are the same JSON. */
  readonly jsonEqual: 0 | 1 | null;
  /** Share of the key paths that both have, 0 to 1. */
  readonly jsonKeys: number | null;
  /** Null if the request offers no tools and neither answer calls one. */
  readonly tool: ToolLevel | null;
  /** F1 of the calls with the same name and arguments, 0 to 1. */
  readonly toolF1: number | null;
  /** Number of tokens in the common prefix. The next three fields are explained in `LogprobDrift`. */
  readonly lpTokens: number | null;
  readonly lpAbs: number | null;
  readonly lpDiff: number | null;
  readonly nearTie: 0 | 1 | null;
}

/** Compares two texts after `normalizeText`. `sim` uses the first 2,048 characters of each. */
export function compareTexts(a: string, b: string, options: TextOptions = {}): TextAgreement {
  const [first, second] = [normalizeText(a, options), normalizeText(b, options)];
  const exact = first === second ? 1 : 0;
  return { exact, ...commonPrefix(first, second), sim: textSimilarity(first, second) };
}

/** chrF of two normalized texts. This is the slowest step of a comparison. */
function textSimilarity(a: string, b: string): number {
  return a === b ? 1 : similarity(a, b);
}

/** Compares two answers to the same request. `exact` includes their tool calls. */
export function agreementOf(
  first: PreparedAnswer,
  second: PreparedAnswer,
  request: ComparedRequest,
  { hasSimilarity = true }: CompareOptions = {},
): AnswerAgreement {
  const tools = compareToolCalls(callsOf(first), callsOf(second));
  const areSameCalls = tools.level === "same_args" || tools.level === "none";
  const hasTools = request.shape === "tools" || tools.level !== "none";
  return {
    exact: exactness(first, second, first.text === second.text && areSameCalls),
    ...commonPrefix(first.text, second.text),
    sim: hasSimilarity ? textSimilarity(first.text, second.text) : null,
    ...jsonAgreement(first.text, second.text, request),
    tool: hasTools ? tools.level : null,
    toolF1: hasTools ? tools.f1 : null,
    ...driftOf(first.answer, second.answer),
  };
}

/** @param isSameStart whether the compared parts of both answers are the same */
function exactness(
  first: PreparedAnswer,
  second: PreparedAnswer,
  isSameStart: boolean,
): 0 | 1 | null {
  if (endsUnknown(first) || endsUnknown(second)) return canBeSame(first, second) ? null : 0;
  return isSameStart && isSameRest(first, second) ? 1 : 0;
}

function endsUnknown({ answer: { isCut = false, rest } }: PreparedAnswer): boolean {
  return isCut && rest === undefined;
}

/** Whether an answer whose end is unknown starts like the other. */
function canBeSame(first: PreparedAnswer, second: PreparedAnswer): boolean {
  const [shorter, longer] =
    first.text.length <= second.text.length ? [first, second] : [second, first];
  if (!endsUnknown(shorter) && shorter.text !== longer.text) return false;
  // The text that follows may combine with the last character of a start.
  const start = shorter.text.slice(0, -1);
  return longer.text.startsWith(start);
}

/** Whether the parts of long answers beyond the compared ones are also the same. */
function isSameRest(first: PreparedAnswer, second: PreparedAnswer): boolean {
  const [{ toolCalls: calls = [] }, { toolCalls: others = [] }] = [first.answer, second.answer];
  const isSameCall = (call: ToolCall, i: number) =>
    call.name === others[i]?.name && call.arguments === others[i]?.arguments;
  return (
    first.tail === second.tail &&
    first.answer.rest === second.answer.rest &&
    calls.length === others.length &&
    calls.every((call, i) => i < maxToolCalls || isSameCall(call, i))
  );
}

function callsOf({ answer: { toolCalls = [] } }: PreparedAnswer) {
  return toolCalls.slice(0, maxToolCalls);
}

function jsonAgreement(
  a: string,
  b: string,
  { shape }: ComparedRequest,
): Pick<AnswerAgreement, "jsonEqual" | "jsonKeys"> {
  const [first, second] = [a, b].map(shape === "json" ? readJsonAnswer : () => undefined);
  if (first === undefined || second === undefined) return { jsonEqual: null, jsonKeys: null };
  if (first.state === "invalid" || second.state === "invalid") {
    return { jsonEqual: null, jsonKeys: null };
  }
  const isSame = isSameJson(first.value, second.value);
  return {
    jsonEqual: isSame === null ? null : isSame ? 1 : 0,
    jsonKeys: sharedKeys(first.value, second.value),
  };
}

const noDrift = { lpTokens: null, lpAbs: null, lpDiff: null, nearTie: null } as const;

function driftOf(
  { logprobs: first = [] }: Answer,
  { logprobs: second = [] }: Answer,
): Pick<AnswerAgreement, "lpTokens" | "lpAbs" | "lpDiff" | "nearTie"> {
  if (first.length === 0 || second.length === 0) return noDrift;
  const { tokens, meanAbs, meanDiff, isNearTie } = logprobDrift(first, second);
  const nearTie = isNearTie === null ? null : isNearTie ? 1 : 0;
  return { lpTokens: tokens, lpAbs: meanAbs, lpDiff: meanDiff, nearTie };
}
