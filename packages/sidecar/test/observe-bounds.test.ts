import { describe, expect, test } from "@jest/globals";
import { createRecorder, type Leg } from "@umbra/shadow";
import { type LiveRequest, MeasuredLeg } from "../src/requests/live-request.ts";
import { LiveRequests } from "../src/requests/live-requests.ts";
import { observeExchange } from "../src/requests/observe.ts";
import { createWorkShare } from "../src/requests/work-share.ts";

test("a share of time is used up by work, and fills up as time passes, to a burst", () => {
  const share = createWorkShare(0.25, 100);
  expect(share.hasRoom(0)).toBe(true);
  for (let i = 0; i < 3; i++) share.spent(50);
  expect(share.hasRoom(0)).toBe(false);
  expect(share.hasRoom(196)).toBe(false);
  expect(share.hasRoom(204)).toBe(true);
  expect(share.hasRoom(1e9)).toBe(true);
  // A stall of the machine is no work, and does not use up all.
  share.spent(10_000);
  expect(share.hasRoom(1e9)).toBe(true);
});

describe("an answer that is observed", () => {
  /** Each look at the clock takes as long as it is told. */
  function observing({ msPerLook, fails = false }: { msPerLook: number; fails?: boolean }) {
    let ms = 0;
    const now = () => {
      ms += msPerLook;
      return ms;
    };
    const legs: Leg[] = [];
    const overloads: string[] = [];
    const recorder = createRecorder<LiveRequest>({
      now,
      observers: [
        {
          legEnded(leg) {
            legs.push(leg);
            if (fails) throw new Error("an observer's fault");
          },
        },
      ],
    });
    const live = new LiveRequests({ observers: [], now, canCancel: () => false, onCancel() {} });
    const request = live.begin("r", []);
    if (request === undefined) throw new Error("no room");
    const account = { arrived() {}, decided: () => [], ended() {}, answered() {} };
    request.measured = new MeasuredLeg(account, {
      ...{ model: "m", stream: true, promptBytes: 1, endpoint: "10.0.0.1:8000" },
      ...{ dispatchedAt: 0, mirrors: [] },
    });
    const exchange = observeExchange(
      { metadata: new Map([["x-umbra-lane", "primary"]]), fail() {} },
      {
        ...{ recorder, live, now, timeoutOf: () => undefined },
        shares: { primary: createWorkShare(0.4, 100), shadow: createWorkShare(0.25, 100) },
        onOverload: (lane) => void overloads.push(lane),
      },
    );
    exchange.onRequestHeaders?.(new Map([["x-request-id", "r"]]), true);
    const headers = new Map([
      [":status", "200"],
      ["content-type", "text/event-stream"],
    ]);
    exchange.onResponseHeaders?.(headers, new Map(), false);
    return { exchange, legs, overloads, request };
  }
  const event = Buffer.from('data: {"choices":[{"delta":{"content":"a"}}]}\n\n');

  test("is measured to its end where there is time", () => {
    const { exchange, legs, overloads } = observing({ msPerLook: 0.001 });
    for (let i = 0; i < 1_000; i++) {
      expect(exchange.onResponseBody?.(event, i === 999)).toBeUndefined();
    }
    exchange.onEnd?.("complete");
    expect([overloads, legs.length, legs[0]?.outTokens]).toEqual([[], 1, 1_000]);
  });

  test("is given up where its lane has used up its time, and counts as cut", () => {
    const { exchange, legs, overloads } = observing({ msPerLook: 30 });
    const answers = Array.from({ length: 20 }, () => exchange.onResponseBody?.(event, false));
    expect(answers).toContain("end");
    exchange.onEnd?.("complete");
    expect(overloads[0]).toBe("primary");
    expect(legs.map((leg) => leg.class)).toEqual(["cap_cancelled"]);
  });

  test.each([
    { name: "is compared where the limit of bandwidth has let it through", delay: {}, how: "ok" },
    {
      name: "is not compared where the limit of bandwidth has delayed it",
      delay: { "x-umbra-bandwidth-response-filter-delay-ms": "50" },
      how: "cap_cancelled",
    },
  ])("$name", ({ delay, how }) => {
    const { exchange, legs, overloads } = observing({ msPerLook: 0.001 });
    exchange.onResponseBody?.(event, false);
    exchange.onResponseBody?.(Buffer.from("data: [DONE]\n\n"), false);
    exchange.onResponseTrailers?.(new Map(Object.entries(delay)));
    exchange.onEnd?.("complete");
    expect(legs.map((leg) => leg.class)).toEqual([how]);
    expect(overloads).toHaveLength(how === "ok" ? 0 : 1);
  });

  test("gives its request back where an observer throws", () => {
    const { exchange, request } = observing({ msPerLook: 0, fails: true });
    exchange.onResponseBody?.(event, true);
    expect(() => exchange.onEnd?.("complete")).toThrow("an observer's fault");
    expect(request.streams).toBe(1);
  });

  test("is given up at 32 MiB", () => {
    const { exchange, legs } = observing({ msPerLook: 0 });
    const chunk = Buffer.alloc(1024 * 1024, ":\n");
    const answers = Array.from({ length: 33 }, () => exchange.onResponseBody?.(chunk, false));
    expect(answers.indexOf("end")).toBe(32);
    exchange.onEnd?.("complete");
    expect(legs.map((leg) => leg.class)).toEqual(["cap_cancelled"]);
  });

  test.each([
    { canCancel: true, ended: 1 },
    { canCancel: false, ended: 0 },
  ])(
    "of a twin ends with its copy at 32 MiB where its lane can: $canCancel",
    ({ canCancel, ended }) => {
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
          shares: { primary: createWorkShare(0.4, 100), shadow: createWorkShare(0.25, 100) },
          onOverload() {},
        },
      );
      exchange.onRequestHeaders?.(new Map([["x-request-id", "r"]]), true);
      exchange.onResponseHeaders?.(new Map([[":status", "200"]]), new Map(), false);
      const chunk = Buffer.alloc(1024 * 1024, ":\n");
      for (let i = 0; i < 33; i++) exchange.onResponseBody?.(chunk, false);
      expect(fails).toBe(ended);
    },
  );
});
