import { describe, expect, test } from "@jest/globals";
import { unreadAnswer } from "@umbra/openai/answers";
import { createRecorder, type Leg, type ReadAnswer } from "@umbra/shadow";
import { readAnswerHere } from "@umbra/shadow/internal";
import { createWorkShare, type WorkShare } from "../src/answers/work-share.ts";
import { createLegShare } from "../src/requests/leg-share.ts";
import { type LiveRequest, MeasuredLeg } from "../src/requests/live-request.ts";
import { LiveRequests } from "../src/requests/live-requests.ts";
import { observeExchange } from "../src/requests/observe.ts";

test("a time budget is used up by work and refills over time, up to a burst", () => {
  const share = createWorkShare(0.25, 100);
  expect(share.hasRoom(0)).toBe(true);
  for (let i = 0; i < 3; i++) share.spent(50);
  expect(share.hasRoom(0)).toBe(false);
  expect(share.hasRoom(196)).toBe(false);
  expect(share.hasRoom(204)).toBe(true);
  expect(share.hasRoom(1e9)).toBe(true);
  // A stall of the machine is not work and does not use up the budget.
  share.spent(10_000);
  expect(share.hasRoom(1e9)).toBe(true);
});

test("a piece of work counts in full, if allowed", () => {
  const share = createWorkShare(0.25, 100, 2_000);
  share.hasRoom(0);
  // 400 ms over budget, refilled in 1,600 ms.
  share.spent(500);
  expect([0, 1_596, 1_604].map((ms) => share.hasRoom(ms))).toEqual([false, false, true]);
  share.spent(1e6);
  expect([9_000, 10_000].map((ms) => share.hasRoom(ms))).toEqual([false, true]);
});

describe("the limits of one leg", () => {
  const mebibyte = 1024 * 1024;

  test.each([
    { name: "a stream", isStream: true, taken: 4 },
    { name: "a body", isStream: false, taken: 32 },
  ])("$name allows $taken MiB at once", ({ isStream, taken }) => {
    const share = createLegShare({ isStream });
    const answers = Array.from({ length: 40 }, () => share.takes(mebibyte, 0));
    expect(answers.indexOf(false)).toBe(taken);
  });

  test("a stream may continue at a model's speed, up to 128 MiB", () => {
    const share = createLegShare({ isStream: true });
    // 1,000 events of 2,000 bytes per second.
    const answers = Array.from({ length: 80_000 }, (_, i) => share.takes(2_000, i));
    expect(answers.indexOf(false)).toBe(Math.floor((128 * mebibyte) / 2_000));
  });

  test("a stream of single bytes counts as much as one of events", () => {
    const share = createLegShare({ isStream: true });
    const answers = Array.from({ length: 10_000 }, () => share.takes(1, 0));
    expect(answers.indexOf(false)).toBe(8_192);
  });
});

describe("an observed answer", () => {
  interface Setup {
    readonly lane?: "primary" | "shadow";
    readonly readAnswer?: ReadAnswer;
    readonly fails?: boolean;
    readonly shadowShare?: WorkShare;
    readonly maxOpen?: number;
    /** Another request with the same id is being measured. */
    readonly isShared?: boolean;
  }

  function observing({
    lane = "primary",
    readAnswer,
    fails = false,
    shadowShare,
    maxOpen = 10,
    isShared = false,
  }: Setup = {}) {
    const clock = { ms: 0 };
    const now = () => clock.ms;
    const legs: Leg[] = [];
    const overloads: string[] = [];
    const recorder = createRecorder<LiveRequest>({
      now,
      maxOpen,
      ...(readAnswer === undefined ? {} : { readAnswer }),
      observers: [
        {
          legEnded(leg) {
            legs.push(leg);
            if (fails) throw new Error("an observer's error");
          },
        },
      ],
    });
    const live = new LiveRequests({ observers: [], now, canCancel: () => false, onCancel() {} });
    if (isShared) {
      const other = live.begin("r", []);
      if (other !== undefined) other.pairing = { ...recorder.open(other), isWaiting: true };
    }
    const twin = lane === "shadow" ? live.beginTwin("r", "m") : undefined;
    const leg = twin ?? live.begin("r", []);
    if (leg === undefined) throw new Error("no room");
    const account = { arrived() {}, decided: () => [], ended() {}, answered() {} };
    leg.measured = new MeasuredLeg(account, {
      ...{ model: "m", stream: true, promptBytes: 1, endpoint: "10.0.0.1:8000" },
      ...{ dispatchedAt: 0, mirrors: twin === undefined ? [] : ["m"] },
    });
    const metadata = new Map([
      ["x-umbra-lane", lane],
      ["x-umbra-mirrors", "m"],
    ]);
    const exchange = observeExchange(
      { metadata, fail() {} },
      {
        ...{ recorder, live, now, timeoutOf: () => undefined, pools: new Map() },
        shadowShare: shadowShare ?? createWorkShare(0.25, 50),
        onOverload: (of) => void overloads.push(of),
      },
    );
    const first = exchange.onRequestHeaders?.(new Map([["x-request-id", "r"]]), true);
    const headers = new Map([
      [":status", "200"],
      ["content-type", "text/event-stream"],
    ]);
    exchange.onResponseHeaders?.(headers, new Map(), false);
    return { clock, exchange, first, leg, legs, overloads, request: leg.request };
  }
  const event = Buffer.from('data: {"choices":[{"delta":{"content":"a"}}]}\n\n');

  test.each(["primary", "shadow"] as const)(
    "of the %s is counted as overload if there are too many",
    (lane) => {
      const { exchange, first, legs, overloads } = observing({ lane, maxOpen: 0 });
      exchange.onEnd?.("complete");
      expect([first, overloads, legs]).toEqual(["end", [lane], []]);
    },
  );

  test("is not counted as overload if its id is shared", () => {
    const { first, overloads } = observing({ isShared: true });
    expect([first, overloads]).toEqual(["end", []]);
  });

  test("is measured to its end, whatever time passes between clock readings", () => {
    const { clock, exchange, legs, overloads } = observing();
    for (let i = 0; i < 1_000; i++) {
      clock.ms += 30;
      expect(exchange.onResponseBody?.(event, i === 999)).toBeUndefined();
    }
    exchange.onEnd?.("complete");
    expect([overloads, legs.length, legs[0]?.outTokens]).toEqual([[], 1, 1_000]);
  });

  test("of a shadow is given up if the shadows' time budget is used up, and counts as cut", () => {
    const shadowShare = createWorkShare(0.25, 50);
    const { exchange, legs, overloads } = observing({ lane: "shadow", shadowShare });
    shadowShare.hasRoom(0);
    // Other answers: 8,400 chunks of 6 µs at once.
    for (let i = 0; i < 8_400; i++) shadowShare.spent(0.006);
    expect(exchange.onResponseBody?.(event, false)).toBe("end");
    exchange.onEnd?.("complete");
    expect(overloads).toEqual(["shadow"]);
    expect(legs.map((each) => each.class)).toEqual(["cap_cancelled"]);
  });

  test("of the primary is measured whatever the shadows used", () => {
    const shadowShare = createWorkShare(0.25, 50);
    const { exchange, overloads } = observing({ shadowShare });
    for (let i = 0; i < 100_000; i++) shadowShare.spent(1);
    expect(exchange.onResponseBody?.(event, false)).toBeUndefined();
    expect(overloads).toEqual([]);
  });

  test("that its reader rejects ends immediately and counts as cut", () => {
    const readAnswer: ReadAnswer = () => ({
      push: () => false,
      end: (onMeasures) => onMeasures(unreadAnswer),
    });
    const { exchange, legs } = observing({ readAnswer });
    expect(exchange.onResponseBody?.(event, true)).toBe("end");
    exchange.onEnd?.("complete");
    expect(legs.map((each) => each.class)).toEqual(["cap_cancelled"]);
  });

  test("keeps its request until its measurements are known", () => {
    let finish: (() => void) | undefined;
    const readAnswer: ReadAnswer = (form) => {
      const reading = readAnswerHere(form, "primary");
      return {
        push: reading.push,
        end(onMeasures) {
          finish = () => reading.end(onMeasures);
        },
      };
    };
    const { exchange, leg, legs, request } = observing({ readAnswer });
    exchange.onResponseBody?.(event, true);
    exchange.onEnd?.("complete");
    expect([request.streams, legs, leg.measured?.isWhole, leg.measured?.hasEnded]).toEqual([
      2,
      [],
      true,
      false,
    ]);
    finish?.();
    expect([request.streams, legs.length, leg.measured?.hasEnded]).toEqual([1, 1, true]);
  });

  test("has the times of its arrival, not of reading", () => {
    const late: (() => void)[] = [];
    const readAnswer: ReadAnswer = (form) => {
      const reading = readAnswerHere(form, "primary");
      return {
        push(chunk, atMs) {
          const copy = Buffer.from(chunk);
          late.push(() => reading.push(copy, atMs));
          return true;
        },
        end: (onMeasures) => late.push(() => reading.end(onMeasures)),
      };
    };
    const { clock, exchange, legs } = observing({ readAnswer });
    for (const ms of [10.25, 20.5, 42.75]) {
      clock.ms = ms;
      exchange.onResponseBody?.(event, ms === 42.75);
    }
    exchange.onEnd?.("complete");
    clock.ms = 9_999;
    for (const run of late) run();
    expect(legs[0]).toMatchObject({ ttftMs: 10.25, e2eMs: 42.75, streamEndMs: 42.75 });
    expect(legs[0]?.maxIclMs).toBe(22.25);
  });

  test.each([
    { name: "is compared if the bandwidth limit did not delay it", delay: {}, how: "ok" },
    {
      name: "is not compared if the bandwidth limit delayed it",
      delay: { "x-umbra-bandwidth-response-filter-delay-ms": "50" },
      how: "cap_cancelled",
    },
  ])("$name", ({ delay, how }) => {
    const { exchange, legs, overloads } = observing();
    exchange.onResponseBody?.(event, false);
    exchange.onResponseBody?.(Buffer.from("data: [DONE]\n\n"), false);
    exchange.onResponseTrailers?.(new Map(Object.entries(delay)));
    exchange.onEnd?.("complete");
    expect(legs.map((leg) => leg.class)).toEqual([how]);
    expect(overloads).toHaveLength(how === "ok" ? 0 : 1);
  });

  test("returns its request if an observer throws", () => {
    const { exchange, request } = observing({ fails: true });
    exchange.onResponseBody?.(event, true);
    expect(() => exchange.onEnd?.("complete")).toThrow("an observer's error");
    expect(request.streams).toBe(1);
  });

  test("of a stream is given up at 128 MiB", () => {
    const { clock, exchange, legs } = observing();
    const chunk = Buffer.alloc(1024 * 1024, `:${" ".repeat(1_022)}\n`);
    const answers = Array.from({ length: 129 }, () => {
      clock.ms += 1_000;
      return exchange.onResponseBody?.(chunk, false);
    });
    expect(answers.indexOf("end")).toBe(128);
    exchange.onEnd?.("complete");
    expect(legs.map((leg) => leg.class)).toEqual(["cap_cancelled"]);
  });

  test.each([
    { canCancel: true, ended: 1 },
    { canCancel: false, ended: 0 },
  ])("of a twin ends at 32 MiB if its lane supports it: $canCancel", ({ canCancel, ended }) => {
    let fails = 0;
    const now = () => 0;
    const live = new LiveRequests({
      observers: [],
      now,
      canCancel: () => canCancel,
      onCancel() {},
    });
    const twin = live.beginTwin("r", "m", () => {
      fails++;
    });
    if (twin === undefined) throw new Error("no room");
    const account = { arrived() {}, decided: () => [], ended() {}, answered() {} };
    twin.measured = new MeasuredLeg(account, {
      ...{ model: "m", stream: true, promptBytes: 1, endpoint: "10.0.0.1:8000" },
      ...{ dispatchedAt: 0, mirrors: ["m"] },
    });
    const metadata = new Map([
      ["x-umbra-lane", "shadow"],
      ["x-umbra-mirrors", "m"],
    ]);
    const exchange = observeExchange(
      { metadata, fail() {} },
      {
        ...{ recorder: createRecorder<LiveRequest>({ now }), live, now },
        timeoutOf: () => undefined,
        pools: new Map(),
        shadowShare: createWorkShare(1, 1_000),
        onOverload() {},
      },
    );
    exchange.onRequestHeaders?.(new Map([["x-request-id", "r"]]), true);
    exchange.onResponseHeaders?.(new Map([[":status", "200"]]), new Map(), false);
    const chunk = Buffer.alloc(1024 * 1024, ":\n");
    for (let i = 0; i < 33; i++) exchange.onResponseBody?.(chunk, false);
    expect(fails).toBe(ended);
  });

  test.each(["primary", "shadow"] as const)(
    "that is faster than any model is given up: %s",
    (lane) => {
      const shadowShare = createWorkShare(1, 1_000);
      const { exchange, legs, overloads } = observing({ lane, shadowShare });
      const chunk = Buffer.alloc(1024 * 1024, event);
      const answers = Array.from({ length: 6 }, () => exchange.onResponseBody?.(chunk, false));
      expect(answers.indexOf("end")).toBe(4);
      exchange.onEnd?.("complete");
      expect(legs.map((leg) => leg.class)).toEqual(["cap_cancelled"]);
      expect(new Set(overloads)).toEqual(new Set([lane]));
    },
  );

  test("is given up at a million lines", () => {
    const { exchange, legs } = observing();
    const chunk = Buffer.alloc(64 * 1024, ":\n");
    const answers = Array.from({ length: 40 }, () => exchange.onResponseBody?.(chunk, false));
    expect(answers.indexOf("end")).toBe(32);
    exchange.onEnd?.("complete");
    expect(legs.map((leg) => leg.class)).toEqual(["cap_cancelled"]);
  });
});
