import { compareErrors } from "./error-share.ts";
import type { Member } from "./member.ts";

/** Keeps picks from endpoints that answer with errors, before they are ejected or where no ejection is due. */
export interface Avoidance {
  /** An endpoint has answered with an error, or was ejected: `update` has something to do. */
  disturbed(): void;
  /** Sets `errorShare` and `isAvoided` of each member. Costs nothing in a pool without errors. */
  update(members: readonly Member[], nowMs: number): void;
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

export function createAvoidance({ maxShare, onAvoided }: AvoidanceOptions): Avoidance {
  let isDisturbed = false;

  function distrust(member: Member, nowMs: number): void {
    const { health } = member;
    health.isDistrusted = true;
    if (nowMs - health.avoidedToldMs < toldEveryMs) return;
    health.avoidedToldMs = nowMs;
    onAvoided(member);
  }

  return {
    disturbed() {
      isDisturbed = true;
    },
    update(members, nowMs) {
      if (!isDisturbed) return;
      isDisturbed = compareErrors(members, nowMs);
      const most = mostOut(members.length, maxShare);
      let out = 0;
      for (const { isEjected } of members) if (isEjected) out++;
      for (const member of members) {
        const { health } = member;
        const isWorse = member.errorShare > avoidedFrom;
        const isTried = health.isDistrusted && nowMs - health.triedAtMs < trialEveryMs;
        member.isAvoided = !member.isEjected && (isWorse || isTried) && out < most;
        if (member.isAvoided) out++;
        if (member.isAvoided && !health.isDistrusted) distrust(member, nowMs);
        if (health.isDistrusted) isDisturbed = true;
      }
    },
  };
}

/** How many members may be out of use at once; never all. */
export function mostOut(members: number, maxShare: number): number {
  return Math.min(Math.floor(members * maxShare), members - 1);
}
