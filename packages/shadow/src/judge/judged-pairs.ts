import { type JudgedShares, type JudgeStratum, judgeStratum } from "../judge-model/pair-draw.ts";
import type { JudgeFailure, SampleJudged } from "../samples/judged-fields.ts";
import type { SampleAgreement } from "../samples/output-fields.ts";
import type { OutputPair } from "./output-pairs.ts";

/** Settings of a judge model that decide about the verdict. */
export interface JudgeTerms {
  /** How much of the win rate the shadow may lose, 0 to 1. */
  readonly margin: number;
  /** Shares of the pairs that are drawn, by how far their answers are apart. */
  readonly sample: JudgedShares;
  readonly required?: boolean;
  /** In USD per million tokens. */
  readonly pricePerMTokens?: { readonly prompt: number; readonly completion: number };
}

/** A compared pair, and the judge's verdict on it. */
export interface JudgedPair {
  readonly session: string | null;
  readonly stratum: JudgeStratum;
  /** Undefined if it was not drawn. */
  readonly judged: SampleJudged | undefined;
  /** Both answers are about as long. */
  readonly isSameLength: boolean;
}

/** Largest logarithm of the ratio of two lengths that are about the same. */
const sameLength = 0.1;

/** The shadow's pairs with the primary, up to the end of the judge's budget: after it, pairs that are not judged are no ties. */
export function judgedPairs(pairs: readonly OutputPair[]): readonly JudgedPair[] {
  const found = pairs.map((pair) =>
    judgedPair(pair, { agreement: pair.agreement, judged: pair.judged, length: pair.chars[1] }),
  );
  return upToBudget(found);
}

/** The control's pairs with the primary. */
export function judgedControls(pairs: readonly OutputPair[]): readonly JudgedPair[] {
  const found = pairs.map((pair) => {
    const { floor: agreement, controlJudged: judged, controlChars: length } = pair;
    return agreement === undefined ? undefined : judgedPair(pair, { agreement, judged, length });
  });
  return upToBudget(found);
}

interface Other {
  readonly agreement: SampleAgreement;
  readonly judged: SampleJudged | undefined;
  readonly length: number | null;
}

function judgedPair(
  { session, chars: [first] }: OutputPair,
  { agreement, judged, length }: Other,
): JudgedPair | undefined {
  const stratum = judgeStratum(agreement);
  if (stratum === undefined) return undefined;
  const ratio = Math.abs(Math.log((length ?? Number.NaN) / (first ?? Number.NaN)));
  return { session, stratum, judged, isSameLength: stratum === "equal" || ratio <= sameLength };
}

function upToBudget(pairs: readonly (JudgedPair | undefined)[]): readonly JudgedPair[] {
  const known = pairs.filter((pair) => pair !== undefined);
  const end = known.findIndex(({ judged }) => judged?.why === "budget");
  return end < 0 ? known : known.slice(0, end);
}

/** Reasons that are up to the request, not to the judge. */
const notSent: ReadonlySet<JudgeFailure> = new Set(["opted_out", "redacted"]);

/** True if the judge was to answer, and did not. */
export function hasFailed({ judged }: JudgedPair): boolean {
  return judged !== undefined && judged.why !== null && !notSent.has(judged.why);
}

/** True if the judge has a result. */
export function hasResult(pair: JudgedPair): pair is JudgedPair & { readonly judged: Result } {
  return pair.judged !== undefined && pair.judged.w !== null;
}

interface Result extends SampleJudged {
  readonly w: 0 | 0.5 | 1;
}
