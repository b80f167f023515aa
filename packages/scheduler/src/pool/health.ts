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
      if (nowMs - health.ejectedUntilMs >= health.lastEjectionMs) health.ejections = 0;
    },

    failed(member, members, nowMs) {
      const { health } = member;
      health.failuresInARow++;
      const isEnough = health.isOnProbation || health.failuresInARow >= failuresToEject;
      if (member.isEjected || !isEnough) return undefined;
      const ejected = members.reduce((count, { isEjected }) => count + (isEjected ? 1 : 0), 0);
      const most = Math.min(Math.floor(members.length * maxEjectedShare), members.length - 1);
      if (ejected >= most) return undefined;
      const forMs = Math.min(baseEjectionMs * 2 ** Math.min(health.ejections, 30), maxEjectionMs);
      member.isEjected = true;
      health.ejections++;
      health.lastEjectionMs = forMs;
      health.ejectedUntilMs = nowMs + forMs;
      return forMs;
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
