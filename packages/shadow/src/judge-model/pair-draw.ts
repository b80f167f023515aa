import { createHmac } from "node:crypto";
import type { SampleAgreement } from "../samples/output-fields.ts";

/** How far two answers are apart. Equal ones are ties, and no judge is asked. */
export type JudgeStratum = "equal" | "near" | "far";

/** Share of the pairs of each stratum to judge, 0 to 1. */
export interface JudgedShares {
  readonly near: number;
  readonly far: number;
}

/** Answers of at least this similarity are near each other: most are ties, so few are worth their cost. */
const nearFrom = 0.9;

/** Undefined if it is not known how far the answers are apart. */
export function judgeStratum({
  exact,
  sim,
}: Pick<SampleAgreement, "exact" | "sim">): JudgeStratum | undefined {
  if (exact === 1) return "equal";
  if (sim === null) return undefined;
  return sim >= nearFrom ? "near" : "far";
}

export interface JudgeDraw {
  /** Probability with which pairs of this stratum are judged. */
  readonly pi: number;
  readonly isDrawn: boolean;
}

/**
 * Draws pairs to judge by a keyed hash of the request, so that the draw is the same for everyone with the key, and
 * depends on nothing that a client can choose. Undefined for pairs that need no judge.
 */
export function drawForJudge(
  { id, agreement }: { readonly id: string; readonly agreement: SampleAgreement },
  shares: JudgedShares,
  key: string,
): JudgeDraw | undefined {
  const stratum = judgeStratum(agreement);
  if (stratum === undefined || stratum === "equal") return undefined;
  const pi = shares[stratum];
  return { pi, isDrawn: uniform(id, key) < pi };
}

/** False if a pair will not be drawn, however far its answers are apart. */
export function canBeDrawn(id: string, { near, far }: JudgedShares, key: string): boolean {
  return uniform(id, key) < Math.max(near, far);
}

function uniform(id: string, key: string): number {
  return createHmac("sha256", key).update(id).digest().readUInt32BE(0) / 2 ** 32;
}
