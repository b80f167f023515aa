import { loadMetrics } from "../model/load.ts";
import { maxUnavailable } from "./avoidance.ts";
import type { Member } from "./member.ts";

export interface HealthOptions {
  /** Consecutive failures that eject an endpoint; 5 when absent. */
  readonly failuresToEject?: number;
  /** Length of the first ejection, in ms; each further one is twice as long. 5,000 when absent. */
  readonly baseEjectionMs?: number;
  /** Longest ejection, in ms; 300,000 when absent. */
  readonly maxEjectionMs?: number;
  /** Largest share of the pool that may be ejected at the same time, 0 to 1; 0.5 when absent. Never the whole pool. */
  readonly maxEjectedShare?: number;
}

/** Passive health check: ejects endpoints after repeated failures, each time for longer. */
export interface HealthCheck {
  recordSuccess(member: Member, nowMs: number): void;
  /** Records a failure. Returns how long it ejects the member, in ms; undefined if it does not. */
  recordFailure(member: Member, members: readonly Member[], nowMs: number): number | undefined;
  /**
   * Records that the member reported saturation. That is a failure if no request waits or runs there, before and after
   * the answer.
   */
  recordBusy(member: Member): void;
  /** Call after new metrics. Returns how many earlier `busy` answers they prove to be failures. */
  takeProvenFailures(member: Member): number;
  /** Ends the ejection if its time is over; returns whether it did. */
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
    recordSuccess({ health }, nowMs) {
      health.failuresInARow = 0;
      health.isOnProbation = false;
      health.isDistrusted = false;
      health.busyAnswers = 0;
      if (nowMs - health.ejectedUntilMs >= health.lastEjectionMs) health.ejections = 0;
    },

    recordFailure(member, members, nowMs) {
      const { health } = member;
      health.failuresInARow++;
      const isEnough = health.isOnProbation || health.failuresInARow >= failuresToEject;
      if (member.isEjected || !isEnough) return undefined;
      const ejected = members.reduce((count, { isEjected }) => count + (isEjected ? 1 : 0), 0);
      if (ejected >= maxUnavailable(members.length, maxEjectedShare)) return undefined;
      const forMs = Math.min(baseEjectionMs * 2 ** Math.min(health.ejections, 30), maxEjectionMs);
      member.isEjected = true;
      health.isDistrusted = true;
      health.ejections++;
      health.lastEjectionMs = forMs;
      health.ejectedUntilMs = nowMs + forMs;
      return forMs;
    },

    recordBusy(member) {
      if (!isWorking(member)) member.health.busyAnswers++;
    },

    takeProvenFailures(member) {
      const { health } = member;
      const count = health.busyAnswers;
      // Requests sent before the scrape are still open: wait for the next metrics.
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

/** True if requests wait or run there, or if that is unknown. */
function isWorking(member: Member): boolean {
  const metrics = loadMetrics(member);
  return metrics === undefined || metrics.waitingRequests + metrics.runningRequests > 0;
}
