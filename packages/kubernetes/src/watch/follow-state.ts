/** How following a scope goes, for people. */
export type Condition =
  /** There was no answer yet. */
  | "starting"
  /** Listed, and the watch works. */
  | "following"
  /** The API server does not have this kind, or has it no longer. */
  | "absent"
  /** The API server does not allow it. */
  | "forbidden"
  /** The API server does not answer. */
  | "unreachable"
  /** The API server refuses or breaks off for another reason. */
  | "failing";

/** All that decides which request comes next, and when. Times are of a monotonic clock. */
export interface FollowState {
  readonly condition: Condition;
  readonly next: "list" | "watch";
  /** The next request is not sent before. */
  readonly earliestMs: number;
  /** Failures in a row. */
  readonly failures: number;
  /** How often the API server came back since it last answered a request of this scope. */
  readonly wakes: number;
  /** Where the watch continues. "" before the first list. */
  readonly resourceVersion: string;
  /** When the last list ended that cost the API server something. */
  readonly listEndedMs?: number;
  /** Since when the kind is absent. */
  readonly absentSinceMs?: number;
  /** Since when the present watch is open. */
  readonly watchOpenedMs?: number;
  readonly hasBeenListed: boolean;
}

/** What a request results in, or what happened while it ran. */
export type Outcome =
  | { readonly kind: "listed"; readonly resourceVersion: string }
  | { readonly kind: "watchOpened" }
  /** An event or a bookmark. */
  | { readonly kind: "advanced"; readonly resourceVersion: string }
  /** The API server ended the watch, as it does every few minutes. */
  | { readonly kind: "closed" }
  /** Nothing came during the silence limit: the connection may be dead. */
  | { readonly kind: "silent" }
  /** 410: the API server no longer knows the resourceVersion. */
  | { readonly kind: "expired" }
  /** 404. */
  | { readonly kind: "absent" }
  /** 403. */
  | { readonly kind: "forbidden" }
  /** 429, with what its Retry-After says. */
  | { readonly kind: "throttled"; readonly retryAfterMs?: number }
  | { readonly kind: "unreachable" }
  /** The API server answers again after it was unreachable. */
  | { readonly kind: "reachable" }
  /** Any other answer, or one that breaks off. `isRefused`: the same request would fail again. */
  | { readonly kind: "failed"; readonly isRefused: boolean };

export interface Pace {
  readonly minBackoffMs: number;
  readonly maxBackoffMs: number;
  /** Least time between two lists of a scope that cost the API server something. */
  readonly listSpacingMs: number;
  /** Lists are spread at random over this time, so that processes that start together do not send them together. */
  readonly listSpreadMs: number;
  readonly minAbsentMs: number;
  readonly maxAbsentMs: number;
  /** How long objects stay after their kind has left the API server. */
  readonly partingMs: number;
}

export const defaultPace: Pace = {
  minBackoffMs: 500,
  maxBackoffMs: 30_000,
  listSpacingMs: 10_000,
  listSpreadMs: 2_500,
  minAbsentMs: 2_000,
  maxAbsentMs: 30_000,
  partingMs: 30_000,
};

/** The present: the clock, and a number that is uniform in [0, 1). */
export interface Moment {
  readonly nowMs: number;
  readonly random: number;
}

/** A watch that ends sooner than this without an event is a fault, not the API server's habit. */
const shortWatchMs = 1_000;

/** A watch that is refused this many times in a row is replaced by a list: its resourceVersion may be the reason. */
const refusalsBeforeList = 3;

const maxRetryAfterMs = 60_000;

/** The state before the first request, which is a list at a random time within the spread. */
export function startOf({ nowMs, random }: Moment, pace: Pace): FollowState {
  return {
    condition: "starting",
    next: "list",
    earliestMs: nowMs + random * pace.listSpreadMs,
    failures: 0,
    wakes: 0,
    resourceVersion: "",
    hasBeenListed: false,
  };
}

/** What follows from an outcome. Pure. */
export function afterOutcome(
  state: FollowState,
  outcome: Outcome,
  moment: Moment,
  pace: Pace,
): FollowState {
  const { nowMs } = moment;
  switch (outcome.kind) {
    case "listed":
      return watching(state, outcome.resourceVersion, nowMs);
    case "watchOpened":
      return { ...state, condition: "following", wakes: 0, watchOpenedMs: nowMs };
    case "advanced":
      return advance(state, outcome.resourceVersion, moment, pace);
    case "closed":
      return afterClose(state, moment, pace);
    case "silent":
      return { ...state, earliestMs: nowMs };
    case "expired":
      return relist(countList(state, nowMs), moment, pace);
    case "absent":
      return absent(state, nowMs, pace);
    case "forbidden":
      return backOff(state, "forbidden", moment, pace);
    case "unreachable":
      return backOff(state, "unreachable", moment, pace);
    case "reachable":
      return wake(state, moment, pace);
    case "throttled": {
      const next = backOff(countList(state, nowMs), "failing", moment, pace);
      const asked = Math.min(outcome.retryAfterMs ?? 0, maxRetryAfterMs);
      return { ...next, earliestMs: Math.max(next.earliestMs, nowMs + asked) };
    }
    case "failed":
      return afterFailure(state, outcome.isRefused, moment, pace);
  }
}

function watching(state: FollowState, resourceVersion: string, nowMs: number): FollowState {
  const { absentSinceMs: _, watchOpenedMs: __, ...rest } = state;
  return {
    ...rest,
    condition: "following",
    next: "watch",
    earliestMs: nowMs,
    failures: 0,
    wakes: 0,
    resourceVersion,
    listEndedMs: nowMs,
    hasBeenListed: true,
  };
}

function advance(
  state: FollowState,
  resourceVersion: string,
  moment: Moment,
  pace: Pace,
): FollowState {
  // The API server's store was set back, as by a restored backup: its history is another one.
  if (isOlder(resourceVersion, state.resourceVersion)) return relist(state, moment, pace);
  return { ...state, condition: "following", failures: 0, resourceVersion };
}

function afterClose(state: FollowState, moment: Moment, pace: Pace): FollowState {
  const openedMs = state.watchOpenedMs ?? moment.nowMs;
  const isShort = moment.nowMs - openedMs < shortWatchMs;
  if (!isShort) return { ...state, failures: 0, earliestMs: moment.nowMs };
  // The first short one in a row costs nothing; from the second on they are a fault.
  if (state.failures === 0) return { ...state, failures: 1, earliestMs: moment.nowMs };
  return backOff(state, "following", moment, pace);
}

function relist(state: FollowState, { nowMs, random }: Moment, pace: Pace): FollowState {
  return {
    ...state,
    next: "list",
    earliestMs: Math.max(nowMs + random * pace.listSpreadMs, spacedListMs(state, pace)),
  };
}

function absent(state: FollowState, nowMs: number, pace: Pace): FollowState {
  const sinceMs = state.absentSinceMs ?? nowMs;
  // Soon after a change it is asked often, so that a kind that comes back is seen at once.
  const wait = Math.min(Math.max((nowMs - sinceMs) / 4, pace.minAbsentMs), pace.maxAbsentMs);
  return {
    ...state,
    condition: "absent",
    next: "list",
    earliestMs: Math.max(nowMs + wait, spacedListMs(state, pace)),
    failures: 0,
    absentSinceMs: sinceMs,
  };
}

function afterFailure(
  state: FollowState,
  isRefused: boolean,
  moment: Moment,
  pace: Pace,
): FollowState {
  const next = backOff(countList(state, moment.nowMs), "failing", moment, pace);
  const needsList = isRefused && state.next === "watch" && next.failures >= refusalsBeforeList;
  return needsList ? { ...relist(next, moment, pace), failures: 0 } : next;
}

function backOff(
  state: FollowState,
  condition: Condition,
  { nowMs, random }: Moment,
  pace: Pace,
): FollowState {
  const failures = state.failures + 1;
  const base = pace.minBackoffMs * 2 ** Math.min(failures - 1, 16);
  const wait = Math.min(base * (1 + random), pace.maxBackoffMs);
  const earliestMs = Math.max(nowMs + wait, spacedNextMs(state, pace));
  return { ...state, condition, failures, earliestMs };
}

/**
 * Ends the wait for an API server that is back. If it is back repeatedly and never answers this scope, then this
 * scope's request is the reason, and its waits grow as usual.
 */
function wake(state: FollowState, { nowMs, random }: Moment, pace: Pace): FollowState {
  if (state.condition !== "unreachable") return state;
  const { wakes } = state;
  const base = pace.minBackoffMs * 2 ** Math.min(wakes, 16);
  const waitMs = wakes === 0 ? random * base : base * (1 + random);
  const soonMs = Math.max(nowMs + waitMs, spacedNextMs(state, pace));
  return { ...state, wakes: wakes + 1, earliestMs: Math.min(state.earliestMs, soonMs) };
}

/** When the next request may be sent at the earliest if it is a list. */
function spacedNextMs(state: FollowState, pace: Pace): number {
  return state.next === "list" ? spacedListMs(state, pace) : Number.NEGATIVE_INFINITY;
}

function spacedListMs({ listEndedMs }: FollowState, { listSpacingMs }: Pace): number {
  return listEndedMs === undefined ? Number.NEGATIVE_INFINITY : listEndedMs + listSpacingMs;
}

/** Lists that the API server turned away at once, or never got, cost it nothing and are not counted. */
function countList(state: FollowState, nowMs: number): FollowState {
  return state.next === "list" ? { ...state, listEndedMs: nowMs } : state;
}

/** Whether `version` comes before `than`. Versions that are no numbers are not compared. */
function isOlder(version: string, than: string): boolean {
  const isNumber = /^[0-9]{1,20}$/;
  return isNumber.test(version) && isNumber.test(than) && BigInt(version) < BigInt(than);
}
