import { describe, expect, test } from "@jest/globals";
import {
  afterOutcome,
  defaultPace,
  type FollowState,
  type Outcome,
  startOf,
} from "@umbra/kubernetes/internal";

const watching: FollowState = {
  condition: "following",
  next: "watch",
  earliestMs: 0,
  failures: 0,
  wakes: 0,
  resourceVersion: "100",
  listEndedMs: 0,
  watchOpenedMs: 0,
  hasBeenListed: true,
};

const listing: FollowState = startOf({ nowMs: 0, random: 0 }, defaultPace);

interface Row {
  readonly name: string;
  readonly from?: Partial<FollowState>;
  readonly outcome: Outcome;
  readonly nowMs?: number;
  readonly random?: number;
  readonly want: Partial<FollowState>;
}

describe("what follows while a watch is due", () => {
  test.each<Row>([
    {
      name: "a watch that the server closed continues at once",
      outcome: { kind: "closed" },
      nowMs: 5_000,
      want: { next: "watch", earliestMs: 5_000, failures: 0 },
    },
    {
      name: "the first very short watch continues at once",
      outcome: { kind: "closed" },
      nowMs: 100,
      want: { next: "watch", earliestMs: 100, failures: 1 },
    },
    {
      name: "the second very short watch in a row waits",
      from: { failures: 1 },
      outcome: { kind: "closed" },
      nowMs: 100,
      want: { next: "watch", earliestMs: 1_100, failures: 2 },
    },
    {
      name: "a silent watch is replaced at once",
      outcome: { kind: "silent" },
      nowMs: 60_000,
      want: { next: "watch", earliestMs: 60_000, resourceVersion: "100" },
    },
    {
      name: "an event moves the place to continue from and ends a row of failures",
      from: { failures: 3 },
      outcome: { kind: "advanced", resourceVersion: "101" },
      want: { next: "watch", resourceVersion: "101", failures: 0 },
    },
    {
      name: "a version that goes back means another history: list",
      outcome: { kind: "advanced", resourceVersion: "99" },
      nowMs: 20_000,
      want: { next: "list", earliestMs: 20_000, resourceVersion: "100" },
    },
    {
      name: "410 lists within the spread when the last list is long ago",
      outcome: { kind: "expired" },
      nowMs: 20_000,
      random: 0.5,
      want: { next: "list", earliestMs: 21_250 },
    },
    {
      name: "410 lists no sooner than 10 s after the last list",
      outcome: { kind: "expired" },
      nowMs: 3_000,
      want: { next: "list", earliestMs: 10_000 },
    },
    {
      name: "a lost connection waits half a second and more",
      outcome: { kind: "unreachable" },
      nowMs: 1_000,
      random: 0.5,
      want: { next: "watch", condition: "unreachable", earliestMs: 1_750, failures: 1 },
    },
    {
      name: "the wait doubles",
      from: { failures: 3 },
      outcome: { kind: "unreachable" },
      want: { earliestMs: 4_000, failures: 4 },
    },
    {
      name: "the wait ends at 30 s",
      from: { failures: 30 },
      outcome: { kind: "unreachable" },
      random: 0.9,
      want: { earliestMs: 30_000, failures: 31 },
    },
    {
      name: "an API server that is back ends the wait",
      from: { condition: "unreachable", earliestMs: 30_000, failures: 8 },
      outcome: { kind: "reachable" },
      nowMs: 1_000,
      random: 0.5,
      want: { next: "watch", earliestMs: 1_250 },
    },
    {
      name: "an API server that is back does not bring a list forward too far",
      from: { condition: "unreachable", next: "list", earliestMs: 30_000 },
      outcome: { kind: "reachable" },
      nowMs: 1_000,
      want: { next: "list", earliestMs: 10_000 },
    },
    {
      name: "one that is back for the third time without an answer for this kind ends the wait later",
      from: { condition: "unreachable", earliestMs: 30_000, failures: 8, wakes: 2 },
      outcome: { kind: "reachable" },
      nowMs: 1_000,
      random: 0.5,
      want: { earliestMs: 4_000, wakes: 3 },
    },
    {
      name: "one that is back never makes the wait longer",
      from: { condition: "unreachable", earliestMs: 2_000, failures: 8, wakes: 9 },
      outcome: { kind: "reachable" },
      nowMs: 1_000,
      want: { earliestMs: 2_000 },
    },
    {
      name: "a watch that opens resets how often the API server was back",
      from: { condition: "unreachable", wakes: 3 },
      outcome: { kind: "watchOpened" },
      want: { wakes: 0 },
    },
    {
      name: "an API server that is back ends no other wait",
      from: { condition: "forbidden", earliestMs: 30_000 },
      outcome: { kind: "reachable" },
      nowMs: 1_000,
      want: { earliestMs: 30_000 },
    },
    {
      name: "a throttled watch waits as long as Retry-After says",
      outcome: { kind: "throttled", retryAfterMs: 7_000 },
      want: { next: "watch", condition: "failing", earliestMs: 7_000 },
    },
    {
      name: "Retry-After counts for a minute at most",
      outcome: { kind: "throttled", retryAfterMs: 86_400_000 },
      want: { earliestMs: 60_000 },
    },
    {
      name: "a missing right keeps the place",
      outcome: { kind: "forbidden" },
      want: { next: "watch", condition: "forbidden", resourceVersion: "100", failures: 1 },
    },
    {
      name: "a kind that has left is asked for again after 2 s",
      outcome: { kind: "absent" },
      nowMs: 60_000,
      want: { next: "list", condition: "absent", earliestMs: 62_000, absentSinceMs: 60_000 },
    },
    {
      name: "a kind that has left soon after its list is asked for 10 s after that list",
      outcome: { kind: "absent" },
      nowMs: 1_000,
      want: { next: "list", condition: "absent", earliestMs: 10_000 },
    },
    {
      name: "two refused watches are tried again",
      from: { failures: 1 },
      outcome: { kind: "failed", isRefused: true },
      want: { next: "watch", condition: "failing", failures: 2 },
    },
    {
      name: "the third refused watch in a row is replaced by a list",
      from: { failures: 2 },
      outcome: { kind: "failed", isRefused: true },
      nowMs: 20_000,
      want: { next: "list", earliestMs: 20_000 },
    },
    {
      name: "a server's own fault never asks for a list",
      from: { failures: 9 },
      outcome: { kind: "failed", isRefused: false },
      want: { next: "watch" },
    },
  ])("$name", ({ from = {}, outcome, nowMs = 0, random = 0, want }) => {
    const next = afterOutcome({ ...watching, ...from }, outcome, { nowMs, random }, defaultPace);
    expect(next).toMatchObject(want);
  });
});

describe("what follows while a list is due", () => {
  test.each<Row>([
    {
      name: "a list leads to a watch from its version",
      outcome: { kind: "listed", resourceVersion: "7" },
      nowMs: 50,
      want: {
        next: "watch",
        condition: "following",
        resourceVersion: "7",
        earliestMs: 50,
        hasBeenListed: true,
      },
    },
    {
      name: "a list resets how often the API server was back",
      from: { wakes: 3 },
      outcome: { kind: "listed", resourceVersion: "7" },
      want: { wakes: 0 },
    },
    {
      name: "a list that failed is repeated after 10 s",
      outcome: { kind: "failed", isRefused: false },
      nowMs: 1_500,
      want: { next: "list", condition: "failing", earliestMs: 11_500 },
    },
    {
      name: "a throttled list waits for the longer of Retry-After and 10 s",
      outcome: { kind: "throttled", retryAfterMs: 20_000 },
      nowMs: 1_500,
      want: { next: "list", earliestMs: 21_500 },
    },
    {
      name: "a list without an answer is repeated after the back-off",
      outcome: { kind: "unreachable" },
      nowMs: 1_500,
      want: { next: "list", earliestMs: 2_000 },
    },
    {
      name: "a list that is forbidden is repeated after the back-off",
      outcome: { kind: "forbidden" },
      nowMs: 1_500,
      want: { next: "list", condition: "forbidden", earliestMs: 2_000 },
    },
    {
      name: "a kind that stays absent is asked for ever more rarely",
      from: { absentSinceMs: 0, condition: "absent" },
      outcome: { kind: "absent" },
      nowMs: 60_000,
      want: { condition: "absent", earliestMs: 75_000, absentSinceMs: 0 },
    },
    {
      name: "a kind that is absent for long is asked for every 30 s",
      from: { absentSinceMs: 0, condition: "absent" },
      outcome: { kind: "absent" },
      nowMs: 3_600_000,
      want: { earliestMs: 3_630_000 },
    },
  ])("$name", ({ from = {}, outcome, nowMs = 0, random = 0, want }) => {
    const next = afterOutcome({ ...listing, ...from }, outcome, { nowMs, random }, defaultPace);
    expect(next).toMatchObject(want);
  });

  test("the first list comes at a random time within 2.5 s", () => {
    const earliest = [0, 0.5, 0.999].map(
      (random) => startOf({ nowMs: 1_000, random }, defaultPace).earliestMs,
    );
    expect(earliest).toEqual([1_000, 2_250, 3_497.5]);
  });

  test("a kind that comes back has no absence left", () => {
    const gone = { ...listing, absentSinceMs: 5, condition: "absent" } as const;
    const next = afterOutcome(
      gone,
      { kind: "listed", resourceVersion: "9" },
      { nowMs: 9, random: 0 },
      defaultPace,
    );
    expect(next.absentSinceMs).toBeUndefined();
  });
});
