/** Recent answers of one endpoint. The weight of an answer decays with its age. */
export interface AnswerCounts {
  answers: number;
  errors: number;
  countedAtMs: number;
}

export function createAnswerCounts(): AnswerCounts {
  return { answers: 0, errors: 0, countedAtMs: 0 };
}

/** Time in which an answer loses half of its weight. With 10 s an avoided endpoint is tried again within a minute. */
const halfLifeMs = 10_000;
/** Good answers assumed for every endpoint, because a single error proves little. */
const assumedGood = 2;
/** Smaller shares count as 0. */
const leastShare = 0.01;

/** Adds one answer: 1 for an error, 0 for a good one. */
export function countAnswer(counts: AnswerCounts, errors: 0 | 1, nowMs: number): void {
  const left = 0.5 ** ((nowMs - counts.countedAtMs) / halfLifeMs);
  counts.answers = counts.answers * left + 1;
  counts.errors = counts.errors * left + errors;
  counts.countedAtMs = nowMs;
}

/** Share of errors among recent answers, 0 to 1. */
export function shareOf(counts: AnswerCounts, nowMs: number): number {
  if (counts.errors === 0) return 0;
  const left = 0.5 ** ((nowMs - counts.countedAtMs) / halfLifeMs);
  const share = (counts.errors * left) / (counts.answers * left + assumedGood);
  if (share >= leastShare) return share;
  counts.errors = 0;
  return 0;
}
