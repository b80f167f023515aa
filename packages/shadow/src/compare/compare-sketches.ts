import type { AnswerAgreement } from "./agreement.ts";
import type { AnswerSketch } from "./answer-sketch.ts";
import { sharedHashes } from "./bottom-hashes.ts";
import type { AnswerComparison } from "./compare-answers.ts";
import type { ComparedRequest } from "./compared-request.ts";
import { commonMarks, sketchSize } from "./text-sketch.ts";
import { compareToolCalls } from "./tool-calls.ts";

/**
 * Compares two answers by their sketches. `sim` is the estimated Jaccard index of their runs of five characters, with a
 * standard error of at most 0.063. `lcp` is the largest of 0, 16, 32, 64 and so on for which both texts start with the
 * same code points. `jsonKeys` and the log-probability fields are null, because they need the texts.
 */
export function compareSketches(
  primary: AnswerSketch,
  shadow: AnswerSketch,
  request: ComparedRequest,
): AnswerComparison {
  return {
    primary: primary.check,
    shadow: shadow.check,
    agreement: agreementOf(primary, shadow, request),
  };
}

function agreementOf(
  first: AnswerSketch,
  second: AnswerSketch,
  { shape }: ComparedRequest,
): AnswerAgreement {
  const isSameText = first.text.digest === second.text.digest;
  const tools = compareToolCalls(first.calls, second.calls);
  const areSameCalls = tools.level === "same_args" || tools.level === "none";
  const hasTools = shape === "tools" || tools.level !== "none";
  const isSame = isSameText && areSameCalls && first.rest === second.rest;
  const isJson = first.json !== undefined && second.json !== undefined;
  return {
    exact: isSame ? 1 : 0,
    ...commonStart(first, second, isSameText),
    sim: similarityOf(first, second, isSameText),
    ...{ jsonEqual: isJson ? (first.json === second.json ? 1 : 0) : null, jsonKeys: null },
    ...{ tool: hasTools ? tools.level : null, toolF1: hasTools ? tools.f1 : null },
    ...{ lpTokens: null, lpAbs: null, lpDiff: null, nearTie: null },
  };
}

function commonStart(
  { text: first }: AnswerSketch,
  { text: second }: AnswerSketch,
  isSameText: boolean,
): Pick<AnswerAgreement, "lcp" | "lcpShare"> {
  if (isSameText) return { lcp: first.chars, lcpShare: 1 };
  const lcp = commonMarks(first.prefixes, second.prefixes);
  return { lcp, lcpShare: lcp / Math.max(first.chars, second.chars, 1) };
}

function similarityOf(
  { text: first }: AnswerSketch,
  { text: second }: AnswerSketch,
  isSameText: boolean,
): number | null {
  if (first.runs === undefined || second.runs === undefined) return null;
  return isSameText ? 1 : sharedHashes(first.runs, second.runs, sketchSize);
}
