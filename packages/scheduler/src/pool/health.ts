import { loadMetrics } from "../model/load.ts";
import { mostOut } from "./avoidance.ts";
import type { Member } from "./member.ts";

export interface HealthOptions {
  /** Failures in a row that eject an endpoint; 5 when absent. */
  readonly failuresToEject?: number;
  /** The first ejection, in ms; each further one takes twice as long. 5,000 when absent. */
  readonly baseEjectionMs?: number;
  /** The longest, in ms; 300,000 when absent. */
  readonly maxEjectionMs?: number;
  /** Share of the pool that may be out at once, 0 to 1; 0.5 when absent. Never the whole pool. */
  readonly maxEjectedShare?: number;
}

/** Passive health: endpoints that fail again and again are out of use for a growing time. */
export interface HealthCheck {
  succeeded(member: Member, nowMs: number): void;
  /** Returns for how long the member is ejected by this failure, in ms; undefined where it is not. */
  failed(member: Member, members: readonly Member[], nowMs: number): number | undefined;
  /**
   * The member has answered that it is full. While requests wait or run there, that is so; where nothing does, before
   * and after the answer, it is a failure.
   */
  busy(member: Member): void;
  /** New metrics have come. Returns how many earlier answers they show to be failures. */
  failuresSeenBy(member: Member): number;
  /** Ends the ejection where its time is over; returns whether it did. */
  reinstate(member: Member, nowMs: number): boolean;
}

export function createHealthCheck(options: HealthOptions = {}): HealthCheck {
  const {
    failuresToEject = 5,
    baseEjectionMs = 5_000,
    maxEjectionMs = 300_000,
    maxEjectedShare = 0.5,
  } = options;

  return {
    succeeded({ health }, nowMs) {
      health.failuresInARow = 0;
      health.isOnProbation = false;
      health.isDistrusted = false;
      health.busyAnswers = 0;
      if (nowMs - health.ejectedUntilMs >= health.lastEjectionMs) health.ejections = 0;
    },

    failed(member, members, nowMs) {
      const { health } = member;
      health.failuresInARow++;
      const isEnough = health.isOnProbation || health.failuresInARow >= failuresToEject;
      if (member.isEjected || !isEnough) return undefined;
      const ejected = members.reduce((count, { isEjected }) => count + (isEjected ? 1 : 0), 0);
      if (ejected >= mostOut(members.length, maxEjectedShare)) return undefined;
      const forMs = Math.min(baseEjectionMs * 2 ** Math.min(health.ejections, 30), maxEjectionMs);
      member.isEjected = true;
      health.isDistrusted = true;
      health.ejections++;
      health.lastEjectionMs = forMs;
      health.ejectedUntilMs = nowMs + forMs;
      return forMs;
    },

    busy(member) {
      if (!isWorking(member)) member.health.busyAnswers++;
    },

    failuresSeenBy(member) {
      const { health } = member;
      const count = health.busyAnswers;
      // Requests that were sent before the scrape and are still open: the next metrics tell.
      if (count === 0 || (!isWorking(member) && member.inFlight > member.sentSinceScrape)) return 0;
      health.busyAnswers = 0;
      return isWorking(member) ? 0 : Math.min(count, failuresToEject);
    },

    reinstate(member, nowMs) {
      const { health } = member;
      if (!member.isEjected || nowMs < health.ejectedUntilMs) return false;
      member.isEjected = false;
      health.isOnProbation = true;
      health.failuresInARow = 0;
      return true;
    },
  };
}

/** Requests wait or run there, or nobody knows. */
function isWorking(member: Member): boolean {
  const metrics = loadMetrics(member);
  return metrics === undefined || metrics.waitingRequests + metrics.runningRequests > 0;
}
