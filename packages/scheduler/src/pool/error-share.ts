import type { Member } from "./member.ts";

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

/** Adds one answer. */
export function countAnswer(counts: AnswerCounts, isError: boolean, nowMs: number): void {
  const left = 0.5 ** ((nowMs - counts.countedAtMs) / halfLifeMs);
  counts.answers = counts.answers * left + 1;
  counts.errors = counts.errors * left + (isError ? 1 : 0);
  counts.countedAtMs = nowMs;
}

function shareOf(counts: AnswerCounts, nowMs: number): number {
  if (counts.errors === 0) return 0;
  const left = 0.5 ** ((nowMs - counts.countedAtMs) / halfLifeMs);
  const share = (counts.errors * left) / (counts.answers * left + assumedGood);
  if (share >= leastShare) return share;
  counts.errors = 0;
  return 0;
}

/**
 * Sets `errorShare` of each member: its share of errors beyond that of the best member. Where all answer alike the
 * fault is not theirs, and it is 0. Returns whether any is above 0.
 */
export function compareErrors(members: readonly Member[], nowMs: number): boolean {
  let least = 1;
  for (const member of members) {
    member.errorShare = shareOf(member.health.counts, nowMs);
    if (member.errorShare < least) least = member.errorShare;
  }
  let isAny = false;
  for (const member of members) {
    if (member.errorShare > 0) isAny = true;
    member.errorShare -= least;
  }
  return isAny;
}
