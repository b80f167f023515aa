/** Answers of one endpoint lately: older ones count less and less. */
export interface AnswerCounts {
  answers: number;
  errors: number;
  countedAtMs: number;
}

export function createAnswerCounts(): AnswerCounts {
  return { answers: 0, errors: 0, countedAtMs: 0 };
}

/** After so long an answer counts half: an endpoint that is avoided is tried again within a minute. */
const halfLifeMs = 10_000;
/** Good answers that every endpoint starts with: one error alone says little. */
const assumedGood = 2;
/** Smaller shares are forgotten. */
const leastShare = 0.01;

/** Adds one answer, which is an error or none: 1 or 0. */
export function countAnswer(counts: AnswerCounts, errors: 0 | 1, nowMs: number): void {
  const left = 0.5 ** ((nowMs - counts.countedAtMs) / halfLifeMs);
  counts.answers = counts.answers * left + 1;
  counts.errors = counts.errors * left + errors;
  counts.countedAtMs = nowMs;
}

/** Share of errors among the latest answers, 0 to 1. */
export function shareOf(counts: AnswerCounts, nowMs: number): number {
  if (counts.errors === 0) return 0;
  const left = 0.5 ** ((nowMs - counts.countedAtMs) / halfLifeMs);
  const share = (counts.errors * left) / (counts.answers * left + assumedGood);
  if (share >= leastShare) return share;
  counts.errors = 0;
  return 0;
}
