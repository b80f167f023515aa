import { shareOf } from "./error-share.ts";
import type { Member } from "./member.ts";
import type { PeerGroup } from "./peer-groups.ts";

/**
 * Keeps requests away from endpoints that answer with errors, before they are ejected or where they may not be ejected.
 */
export interface Avoidance {
  /** Members, ejections or trials changed: the next `update` compares all members. */
  invalidate(): void;
  /** Updates the member's `errorShare` after an answer that has been counted. */
  updateErrorShare(member: Member, isError: boolean, nowMs: number): void;
  /**
   * Sets `errorShare` and `isAvoided` of each member: immediately if an answer changes who is avoided or if `isExact`,
   * otherwise every 50 ms. Costs nothing in a pool without errors.
   */
  update(
    members: readonly Member[],
    groups: readonly PeerGroup[],
    nowMs: number,
    isExact: boolean,
  ): void;
}

export interface AvoidanceOptions {
  /** Largest share of the pool that may be ejected or avoided at the same time, 0 to 1. */
  readonly maxShare: number;
  readonly onAvoided: (member: Member) => void;
}

/** An endpoint is avoided if its error share exceeds that of the best endpoint by more than this. */
const avoidedFrom = 0.5;
/** An avoided or reinstated endpoint gets one trial request per this many ms until it gives a good answer. */
const trialEveryMs = 1_000;
/** Shortest time between two `avoided` events of one endpoint, which may alternate quickly, in ms. */
const reportEveryMs = 10_000;

/** Shortest time between two comparisons if no answer made a difference, in ms: shares decay slowly. */
const compareEveryMs = 50;

export function createAvoidance({ maxShare, onAvoided }: AvoidanceOptions): Avoidance {
  /** True while no member has errors or is distrusted. */
  let isQuiet = true;
  let isDue = false;
  let comparedAtMs = Number.NEGATIVE_INFINITY;

  function distrust(member: Member, nowMs: number): void {
    const { health } = member;
    health.isDistrusted = true;
    if (nowMs - health.avoidedReportedMs < reportEveryMs) return;
    health.avoidedReportedMs = nowMs;
    onAvoided(member);
  }

  function invalidate(): void {
    isQuiet = false;
    isDue = true;
  }

  return {
    invalidate,

    updateErrorShare(member, isError, nowMs) {
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
      let slots = maxUnavailable(members.length, maxShare);
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
 * Sets `errorShare` of each member: its error share minus that of its best peer. If all peers have equal shares it is
 * 0, because the cause is then not the endpoint. Returns whether any member has errors.
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

/** Members to avoid, largest error share first. Sorted once, because they may be half of a large pool. */
function worstFirst(members: readonly Member[], nowMs: number): readonly Member[] {
  return members
    .filter(({ isEjected, errorShare, health }) => {
      const isTried = health.isDistrusted && nowMs - health.triedAtMs < trialEveryMs;
      return !isEjected && (errorShare > avoidedFrom || isTried);
    })
    .sort((a, b) => b.errorShare - a.errorShare);
}

/** Number of members that may be out of use at the same time; never all. */
export function maxUnavailable(members: number, maxShare: number): number {
  return Math.min(Math.floor(members * maxShare), members - 1);
}
