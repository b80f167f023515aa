import type { AnswerAgreement } from "../compare/agreement.ts";
import type { AnswerCheck } from "../compare/answer-check.ts";
import type { Decoding } from "../compare/compared-request.ts";
import type { Script } from "../compare/script.ts";

/** The request of a sample whose answers were looked at: names from closed or bounded lists, and numbers. */
export interface SampleRequest {
  readonly decode: Decoding | null;
  readonly shape: "text" | "json" | "tools" | null;
  /** Model name from the client if that model is served, otherwise `other`. */
  readonly model: string | null;
  /** Number of offered tools. */
  readonly tools: number | null;
  /** Script of the user's last message; null if it has few letters. */
  readonly script: Script | null;
}

/** What one answer is like on its own. Its length is `outChars` of the leg. */
export type SampleOutput = Omit<AnswerCheck, "chars">;

/** Why two answers were not compared. `other`: a reason that this version does not know. */
export const skipReasons = ["memory", "encoding", "media", "time", "disabled", "other"] as const;

export type SkipReason = (typeof skipReasons)[number];

/** How far a shadow's answer agrees with the primary's. All other fields are null if `why` says why they are unknown. */
export interface SampleAgreement
  extends Readonly<{ [Field in keyof AnswerAgreement]: AnswerAgreement[Field] | null }> {
  readonly why: SkipReason | null;
}

/** What the comparison of a pair's answers found: numbers and names, no text. */
export interface SampleComparison {
  /** All but the model, which the pick knows. Absent if nothing is known of the request. */
  readonly request?: Omit<SampleRequest, "model">;
  /** Absent if the answers were not compared. */
  readonly primary?: SampleOutput;
  readonly shadow?: SampleOutput;
  readonly agreement: SampleAgreement;
}

/** Rounds an answer's numbers to what a sample keeps of them. */
export function outputFields({ chars: _, ...check }: AnswerCheck): SampleOutput {
  return { ...check, rep4: places(check.rep4), ppl: check.ppl === null ? null : places(check.ppl) };
}

/**
 * Rounds an agreement to what a sample keeps of it: shares to 3 places, long prefixes to a multiple of 16. Exact numbers
 * of a text could tell which text of a list it is.
 */
export function agreementFields(agreement: AnswerAgreement): SampleAgreement {
  const { lcp, lcpShare, sim, jsonKeys, toolF1, lpAbs, lpDiff } = agreement;
  const rounded = (value: number | null) => (value === null ? null : places(value));
  const share = (value: number | null) => (value === null ? null : sharePlaces(value));
  return {
    ...agreement,
    ...{ lcp: lcp > finePrefix ? 16 * Math.round(lcp / 16) : lcp, lcpShare: sharePlaces(lcpShare) },
    ...{ sim: share(sim), jsonKeys: share(jsonKeys), toolF1: share(toolF1) },
    ...{ lpAbs: rounded(lpAbs), lpDiff: rounded(lpDiff), why: null },
  };
}

const finePrefix = 256;

function places(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}

/** Rounds a share. All and nothing are exact: 1 means that nothing differs. */
function sharePlaces(value: number): number {
  const rounded = places(value);
  if (rounded === 1 && value < 1) return 0.999;
  return rounded === 0 && value > 0 ? 0.001 : rounded;
}

/** The fields of a pair whose answers were not compared. */
export function skippedAgreement(why: SkipReason): SampleAgreement {
  return {
    ...{ exact: null, lcp: null, lcpShare: null, sim: null, jsonEqual: null, jsonKeys: null },
    ...{ tool: null, toolF1: null, lpTokens: null, lpAbs: null, lpDiff: null, nearTie: null, why },
  };
}
