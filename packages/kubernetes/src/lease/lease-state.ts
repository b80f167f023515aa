import { type JsonObject, objectOf, textOf } from "../objects/json.ts";

/** Times of a lease. A holder stops well before others may take the lease from it. */
export interface LeaseTiming {
  /** Others take a lease that was not renewed for this time. */
  readonly durationMs: number;
  /** A holder that could not renew for this time no longer is one. Less than `durationMs`. */
  readonly heldMs: number;
  readonly renewEveryMs: number;
  /** Time between two reads by a process that waits. */
  readonly retryEveryMs: number;
}

export const defaultLeaseTiming: LeaseTiming = {
  durationMs: 10_000,
  heldMs: 7_000,
  renewEveryMs: 2_500,
  retryEveryMs: 1_000,
};

/** What a Lease object says. */
export interface LeaseRecord {
  /** "" when no one holds it. */
  readonly holder: string;
  readonly durationMs: number;
  readonly transitions: number;
  readonly acquireTime: string;
  readonly resourceVersion: string;
}

/** What one process knows of a lease. Times are of its own monotonic clock: other clocks don't count. */
export interface LeaseState {
  /** The version that was seen last, and when it was seen first. */
  readonly seen?: { readonly resourceVersion: string; readonly sinceMs: number };
  /** Until when this process holds the lease. */
  readonly heldUntilMs?: number;
}

/** What to do after a look at a lease. */
export type LeaseStep = "create" | "take" | "renew" | "wait";

/** Reads a Lease object. */
export function readLease(lease: JsonObject): LeaseRecord {
  const spec = objectOf(lease, "spec");
  const seconds = spec?.leaseDurationSeconds;
  const transitions = spec?.leaseTransitions;
  return {
    holder: textOf(spec, "holderIdentity"),
    durationMs: typeof seconds === "number" ? seconds * 1_000 : 0,
    transitions: typeof transitions === "number" ? transitions : 0,
    acquireTime: textOf(spec, "acquireTime"),
    resourceVersion: textOf(objectOf(lease, "metadata"), "resourceVersion"),
  };
}

/** The state after a look at the lease; `record` is absent when there is no such object. Pure. */
export function afterLook(
  state: LeaseState,
  record: LeaseRecord | undefined,
  identity: string,
  nowMs: number,
): LeaseState {
  if (record === undefined) return {};
  const isKnown = state.seen?.resourceVersion === record.resourceVersion;
  const seen = isKnown ? state.seen : { resourceVersion: record.resourceVersion, sinceMs: nowMs };
  const isOurs = record.holder === identity && state.heldUntilMs !== undefined;
  return {
    ...(seen === undefined ? {} : { seen }),
    ...(isOurs ? { heldUntilMs: state.heldUntilMs } : {}),
  };
}

/** What to do after `afterLook`. Pure. */
export function stepOf(
  state: LeaseState,
  record: LeaseRecord | undefined,
  identity: string,
  nowMs: number,
): LeaseStep {
  if (record === undefined) return "create";
  if (record.holder === identity) return "renew";
  if (record.holder === "") return "take";
  const sinceMs = state.seen?.sinceMs ?? nowMs;
  return nowMs - sinceMs >= record.durationMs ? "take" : "wait";
}

/** The state after a write of ours that was sent at `sentMs`. A conflict means that another holds the lease. Pure. */
export function afterWrite(
  state: LeaseState,
  outcome: "written" | "conflict" | "failed",
  sentMs: number,
  timing: LeaseTiming,
): LeaseState {
  switch (outcome) {
    case "written":
      return { ...state, heldUntilMs: sentMs + timing.heldMs };
    case "conflict":
      return state.seen === undefined ? {} : { seen: state.seen };
    case "failed":
      return state;
  }
}

/** How long this process still holds the lease, in milliseconds; 0 when it does not. */
export function remainingMsOf({ heldUntilMs }: LeaseState, nowMs: number): number {
  return heldUntilMs === undefined ? 0 : Math.max(0, heldUntilMs - nowMs);
}

/** The spec to write. `identity` "" gives the lease back. */
export function specOf(
  step: LeaseStep,
  record: LeaseRecord | undefined,
  identity: string,
  timing: LeaseTiming,
): JsonObject {
  // Kubernetes' MicroTime has exactly six digits. Others only show it: no process compares it with its clock.
  const time = new Date().toISOString().replace("Z", "000Z");
  const isNew = step !== "renew";
  return {
    holderIdentity: identity,
    leaseDurationSeconds: Math.ceil(timing.durationMs / 1_000),
    acquireTime: isNew || record === undefined ? time : record.acquireTime,
    renewTime: time,
    leaseTransitions: (record?.transitions ?? 0) + (step === "take" ? 1 : 0),
  };
}
