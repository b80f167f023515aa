import { shareOf } from "./error-share.ts";
import type { Member } from "./member.ts";
import type { PeerGroup } from "./peer-groups.ts";

/** Keeps picks from endpoints that answer with errors, before they are ejected or where no ejection is due. */
export interface Avoidance {
  /** Members, ejections or trials have changed: the next `update` looks at all. */
  disturbed(): void;
  /** Takes one answer, which is counted already. Sets the member's `errorShare`. */
  answered(member: Member, isError: boolean, nowMs: number): void;
  /**
   * Sets `errorShare` and `isAvoided` of each member: at once where an answer changes who is avoided, else every 50 ms,
   * or always where `isExact`. Costs nothing in a pool without errors.
   */
  update(
    members: readonly Member[],
    groups: readonly PeerGroup[],
    nowMs: number,
    isExact: boolean,
  ): void;
}

export interface AvoidanceOptions {
  /** Share of the pool that may be ejected or avoided at once, 0 to 1. */
  readonly maxShare: number;
  readonly onAvoided: (member: Member) => void;
}

/** An endpoint whose share of errors is so far above the best one's is avoided. */
const avoidedFrom = 0.5;
/** One that was avoided or ejected gets one request in so many ms, until it has answered well. */
const trialEveryMs = 1_000;
/** An endpoint that goes to and fro is told of once in so many ms. */
const toldEveryMs = 10_000;

/** Shares decay slowly: between two answers that matter they are compared once in so many ms. */
const compareEveryMs = 50;

export function createAvoidance({ maxShare, onAvoided }: AvoidanceOptions): Avoidance {
  /** No member has errors or is distrusted. */
  let isQuiet = true;
  let isDue = false;
  let comparedAtMs = Number.NEGATIVE_INFINITY;

  function distrust(member: Member, nowMs: number): void {
    const { health } = member;
    health.isDistrusted = true;
    if (nowMs - health.avoidedToldMs < toldEveryMs) return;
    health.avoidedToldMs = nowMs;
    onAvoided(member);
  }

  function disturbed(): void {
    isQuiet = false;
    isDue = true;
  }

  return {
    disturbed,

    answered(member, isError, nowMs) {
      if (isQuiet && !isError) return;
      isQuiet = false;
      const { health } = member;
      const wasWorse = member.errorShare > avoidedFrom;
      const share = shareOf(health.counts, nowMs);
      member.errorShare = Math.max(0, share - health.leastErrorShare);
      if (health.isDistrusted || wasWorse !== member.errorShare > avoidedFrom) isDue = true;
    },

    update(members, groups, nowMs, isExact) {
      if (isQuiet) return;
      if (!isDue && !isExact && nowMs - comparedAtMs < compareEveryMs) return;
      isDue = false;
      comparedAtMs = nowMs;
      isQuiet = !compareErrors(groups, nowMs);
      let slots = mostOut(members.length, maxShare);
      for (const member of members) {
        member.isAvoided = false;
        if (member.isEjected) slots--;
        if (member.health.isDistrusted) isQuiet = false;
      }
      for (const worst of worstFirst(members, nowMs).slice(0, Math.max(0, slots))) {
        worst.isAvoided = true;
        isQuiet = false;
        if (!worst.health.isDistrusted) distrust(worst, nowMs);
      }
    },
  };
}

/**
 * Sets `errorShare` of each member: its share of errors beyond that of the best of its peers. Where all answer alike the
 * fault is not theirs, and it is 0. Returns whether any has errors.
 */
function compareErrors(groups: readonly PeerGroup[], nowMs: number): boolean {
  let isAny = false;
  for (const { members, peers } of groups) {
    let least = 1;
    for (const { health } of peers) least = Math.min(least, shareOf(health.counts, nowMs));
    for (const member of members) {
      const share = shareOf(member.health.counts, nowMs);
      if (share > 0) isAny = true;
      member.health.leastErrorShare = least;
      member.errorShare = share - least;
    }
  }
  return isAny;
}

/** Those that are to be avoided, sorted once: half of a large pool may be among them. */
function worstFirst(members: readonly Member[], nowMs: number): readonly Member[] {
  return members
    .filter(({ isEjected, errorShare, health }) => {
      const isTried = health.isDistrusted && nowMs - health.triedAtMs < trialEveryMs;
      return !isEjected && (errorShare > avoidedFrom || isTried);
    })
    .sort((a, b) => b.errorShare - a.errorShare);
}

/** How many members may be out of use at once; never all. */
export function mostOut(members: number, maxShare: number): number {
  return Math.min(Math.floor(members * maxShare), members - 1);
}
