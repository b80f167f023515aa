import type { SampleJudged } from "../samples/judged-fields.ts";
import { isRecord } from "../samples/read-samples.ts";

/** Which of two answers a judge prefers, in the order in which it saw them. */
export type JudgeVerdict = "A" | "B" | "tie";

const verdicts: readonly JudgeVerdict[] = ["A", "B", "tie"];
const maxVerdictLength = 256;

/**
 * Reads a judge's answer. It is closed: one JSON object with `verdict` alone. Undefined for anything else, so that no text
 * around it, which an answer may have talked the judge into, is taken for a verdict.
 */
export function parseVerdict(text: string): JudgeVerdict | undefined {
  if (text.length > maxVerdictLength) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(json) || Object.keys(json).length !== 1) return undefined;
  return verdicts.find((verdict) => verdict === json.verdict);
}

/**
 * Combines the verdicts of both orders, `ab` with the primary first and `ba` with the shadow first: 1 if the shadow is
 * better in both, 0 if it is worse in both, otherwise a tie. Zheng et al. (2023), arXiv 2306.05685: a judge that changes
 * its mind with the order has no opinion.
 */
export function combineVerdicts(ab: JudgeVerdict, ba: JudgeVerdict): 0 | 0.5 | 1 {
  if (ab === "B" && ba === "A") return 1;
  return ab === "A" && ba === "B" ? 0 : 0.5;
}

/** True if both orders name the same answer, or both call it a tie. */
export function isConsistent({ ab, ba }: Pick<SampleJudged, "ab" | "ba">): boolean {
  if (ab === "tie" || ba === "tie") return ab === ba;
  return ab !== ba;
}
