import { describe, expect, test } from "@jest/globals";
import type { AccessLogEntry } from "@umbra/ext-proc";
import { responseFlag } from "@umbra/ext-proc";
import { createPool, type EndpointAnswer, type Lease, type PoolState } from "@umbra/scheduler";
import type { Leg, LegClass } from "@umbra/shadow";
import type { RequestAccount } from "../src/decision/request-account.ts";
import { createAnswerWatch } from "../src/requests/answer-watch.ts";
import { createEndpointAnswers } from "../src/requests/endpoint-answers.ts";
import { type LiveLeg, MeasuredLeg, type PickedLeg } from "../src/requests/live-request.ts";
import { LiveRequests } from "../src/requests/live-requests.ts";
import { loggedAnswer } from "../src/requests/logged-answer.ts";

const first = "10.0.0.1:8000";
const second = "10.0.0.2:8000";
const flag = (name: keyof typeof responseFlag) => 1 << responseFlag[name];

function entry(
  overrides: Partial<AccessLogEntry> = {},
  headers: Readonly<Record<string, string>> = {},
): AccessLogEntry {
  const all: Readonly<Record<string, string>> = {
    "x-gateway-destination-endpoint": `${first},${second}`,
    ...headers,
  };
  return {
    upstreamAddress: first,
    attempts: 1,
    status: 200,
    details: "via_upstream",
    requestId: "r",
    flags: 0,
    header: (name) => all[name],
    ...overrides,
  };
}

describe("a line of the access log", () => {
  const failed = { ok: false };
  const details = "upstream_reset_before_response_started";

  test.each<{
    readonly name: string;
    readonly line: Partial<AccessLogEntry>;
    readonly want: object | undefined;
  }>([
    { name: "200", line: {}, want: { status: 200 } },
    { name: "a redirect", line: { status: 307 }, want: { status: 307 } },
    { name: "401", line: { status: 401 }, want: { status: 401 } },
    { name: "500", line: { status: 500 }, want: { status: 500 } },
    { name: "503 from the endpoint", line: { status: 503 }, want: { status: 503 } },
    {
      name: "no connection",
      line: { status: 503, details, flags: flag("upstreamConnectionFailure") },
      want: failed,
    },
    {
      name: "a reset",
      line: { status: 503, details, flags: flag("upstreamConnectionTermination") },
      want: failed,
    },
    {
      name: "a stream that is reset",
      line: { status: 503, details, flags: flag("upstreamRemoteReset") },
      want: failed,
    },
    {
      name: "a truncated answer",
      line: { flags: flag("upstreamConnectionTermination") },
      want: failed,
    },
    {
      name: "a timeout",
      line: { status: 504, details: "response_timeout", flags: flag("upstreamRequestTimeout") },
      want: failed,
    },
    {
      name: "no HTTP",
      line: { status: 502, details: "protocol_error", flags: flag("upstreamProtocolError") },
      want: failed,
    },
    {
      name: "silence of the endpoint",
      line: { status: 504, details: "stream_idle_timeout", flags: flag("streamIdleTimeout") },
      want: failed,
    },
    {
      name: "silence of the client",
      line: { status: 408, details: "stream_idle_timeout", flags: flag("streamIdleTimeout") },
      want: undefined,
    },
    {
      name: "a client that disconnects",
      line: { status: 0, details: "downstream", flags: flag("downstreamConnectionTermination") },
      want: undefined,
    },
    {
      name: "a client that resets while the answer runs",
      line: { flags: flag("downstreamRemoteReset") },
      want: undefined,
    },
    {
      name: "a client that breaks the protocol",
      line: { status: 400, flags: flag("downstreamProtocolError") },
      want: undefined,
    },
    { name: "Envoy is overloaded", line: { status: 503, details: "overflow" }, want: undefined },
    { name: "no host", line: { status: 503, details: "no_healthy_upstream" }, want: undefined },
    { name: "a refusal of a filter", line: { status: 429, details: "ext_proc" }, want: undefined },
  ])("$name", ({ line, want }) => {
    const { last, failed: before } = loggedAnswer(entry(line), `${first},${second}`);
    expect(last?.answer).toEqual(want);
    expect(before).toEqual([]);
  });

  const third = "10.0.0.3:8000";
  test.each([
    { name: "the second attempt answers", attempts: 2, served: second, failed: [first] },
    { name: "the third attempt answers", attempts: 3, served: third, failed: [first, second] },
    { name: "the picked one answers at last", attempts: 2, served: first, failed: [] },
    {
      name: "an endpoint that is not listed answers",
      attempts: 3,
      served: "x:1",
      failed: [first, second],
    },
    { name: "there was no attempt", attempts: 0, served: first, failed: [] },
    { name: "the count is nonsense", attempts: 4e9, served: third, failed: [first, second] },
  ])("reports failed attempts: $name", ({ attempts, served, failed: want }) => {
    const line = entry({ attempts, upstreamAddress: served });
    const { failed: before, last } = loggedAnswer(line, ` ${first}, ${second},${third}`);
    expect(before).toEqual(want);
    expect(last?.address).toBe(served);
  });

  test("without an upstream address is about the endpoint of the last attempt", () => {
    const line = { attempts: 2, upstreamAddress: "", flags: flag("upstreamConnectionFailure") };
    expect(loggedAnswer(entry(line), `${first},${second}`)).toEqual({
      failed: [first],
      last: { address: second, answer: { ok: false } },
    });
  });
});

interface Remembered {
  /** Of a twin. */
  readonly mirror?: string;
  readonly requestId?: string;
  readonly isMeasured?: boolean;
  readonly state?: PoolState;
  readonly lease: Lease;
}

const account: RequestAccount = {
  arrived: () => {},
  decided: () => [],
  ended: () => {},
  answered: () => {},
};
const pickedLeg: PickedLeg = {
  model: "sql",
  stream: true,
  endpoint: first,
  dispatchedAt: 0,
  promptBytes: 10,
};

function setup() {
  const clock = { ms: 0 };
  const pool = createPool({
    name: "pool",
    now: () => clock.ms,
    health: { failuresToEject: 1 },
  });
  pool.setEndpoints([first, second, "10.0.0.3:8000", "10.0.0.4:8000"]);
  const notFound: string[] = [];
  const answers = createEndpointAnswers((name, address) => notFound.push(`${name} ${address}`));
  const live = new LiveRequests({
    now: () => clock.ms,
    canCancel: () => false,
    onCancel: () => {},
    observers: [answers],
  });
  const legs: LiveLeg[] = [];
  /** Picks a request; undefined if there is no room for it. */
  const remember = ({ mirror, requestId = "r", isMeasured, state = pool, lease }: Remembered) => {
    const request = mirror === undefined ? live.begin(requestId, []) : undefined;
    const leg = mirror === undefined ? request : live.beginTwin(requestId, mirror);
    if (leg === undefined) return undefined;
    leg.pool = state;
    leg.lease = lease;
    if (isMeasured === true) leg.measured = new MeasuredLeg(account, pickedLeg);
    legs.push(leg);
    return leg;
  };
  const pick = (more: Partial<Remembered> = {}): Lease => {
    const picked = pool.pick({ model: "sql", adapter: "sql", subset: [first] });
    if (!picked.ok) throw new Error(picked.code);
    remember({ lease: picked.lease, ...more });
    return picked.lease;
  };
  const lastLeg = (): LiveLeg => {
    const leg = legs.at(-1);
    if (leg === undefined) throw new Error("nothing was picked");
    return leg;
  };
  /** Ends the pick stream, which may have reported the answer to the lease. */
  const over = (isReported = false, leg = lastLeg()) => {
    leg.isOver = true;
    leg.isReported ||= isReported;
    live.streamOver(leg.request);
  };
  /** Ends the answer of an observed leg. */
  const ended = (measures: Leg, { measured, request } = lastLeg()) => {
    if (measured !== undefined) Object.assign(measured, { hasBegun: true, hasEnded: true });
    request.streams++;
    answers.legEnded?.(measures, undefined, request);
    live.streamOver(request);
  };
  const of = (address: string) => {
    const found = pool.snapshot().endpoints.find((each) => each.address === address);
    if (found === undefined) throw new Error(address);
    return found;
  };
  return { clock, live, legs, ended, remember, notFound, pool, pick, over, of };
}

function leg(how: LegClass, more: Partial<Leg> = {}): Leg {
  return {
    requestId: "r",
    lane: "primary",
    pool: "pool",
    endpoint: first,
    stream: true,
    status: 200,
    t0: 0,
    class: how,
    outChars: 0,
    ...more,
  };
}

describe("answers are reported to the pool's health tracking", () => {
  test("before and after the end of the pick stream, each once", () => {
    for (const isOver of [false, true]) {
      const { live, ended, pick, over, of } = setup();
      pick();
      if (isOver) over();
      live.logged(entry({ status: 401 }));
      const { errorShare } = of(first);
      expect(errorShare).toBeCloseTo(1 / 3);
      if (!isOver) over();
      live.logged(entry({ status: 401 }));
      ended(leg("auth", { status: 401 }));
      expect(of(first).errorShare).toBe(errorShare);
    }
  });

  const page = (waitingRequests: number) => ({
    scrapedAtMs: 0,
    waitingRequests,
    runningRequests: waitingRequests,
    activeAdapters: new Set<string>(),
  });

  test.each([
    { name: "full", waiting: 9, isEjected: false },
    { name: "idle", waiting: 0, isEjected: true },
  ])("for an endpoint that was $name and tried first, and for the one that served", (each) => {
    const { live, pick, pool, of } = setup();
    pool.recordScrape(first, page(each.waiting), 0);
    for (let i = 0; i < 5; i++) {
      pick().release();
      live.logged(entry({ attempts: 2, upstreamAddress: second }));
    }
    pool.recordScrape(first, page(each.waiting), 0);
    expect(of(first).isEjected).toBe(each.isEjected);
    expect(of(first).errorShare).toBeGreaterThan(0.5);
    expect(of(second)).toMatchObject({ isEjected: false, errorShare: 0 });
  });

  test("for a dead endpoint, even if each request is retried", () => {
    const { live, pick, of } = setup();
    for (let i = 0; i < 5; i++) {
      pick().release();
      live.logged(entry({ attempts: 2, upstreamAddress: second }));
    }
    expect([of(first), of(second)]).toMatchObject([{ isAvoided: true }, { isAvoided: false }]);
  });

  test("not for an endpoint that was tried first if the last attempt failed", () => {
    const { live, pick, pool, of } = setup();
    pool.recordScrape(first, page(9), 0);
    pick();
    const flags = flag("upstreamConnectionFailure");
    live.logged(entry({ attempts: 2, upstreamAddress: second, status: 503, flags }));
    expect([of(first), of(second)]).toMatchObject([{ isEjected: false }, { isEjected: true }]);
  });

  test("a 404 undoes the pick's prefix entry and triggers a read of the endpoint's model list", () => {
    const { live, pick, over, of, notFound } = setup();
    pick().release();
    over();
    expect(of(first).recentAdapters).toEqual(new Set(["sql"]));
    live.logged(entry({ status: 404 }));
    expect(of(first)).toMatchObject({ recentAdapters: new Set(), isEjected: false });
    expect(notFound).toEqual([`pool ${first}`]);
  });

  test("ignores requests that are unknown, already reported, or without information", () => {
    const { live, pick, over, of } = setup();
    live.logged(entry({ status: 500 }));
    pick();
    over(true);
    live.logged(entry({ status: 500 }));
    pick();
    over();
    live.logged(entry({ flags: flag("downstreamRemoteReset"), status: 500 }));
    live.logged(entry({ status: 500 }));
    live.logged(entry({ status: 500 }, { "x-umbra-mirror": "unknown" }));
    expect(of(first)).toMatchObject({ isEjected: false, errorShare: 0 });
  });

  test("a redirect is an error, of a measured request at once", () => {
    const { live, pick, over, of } = setup();
    pick({ isMeasured: true });
    over();
    live.logged(entry({ status: 307 }));
    expect(of(first)).toMatchObject({ isEjected: false });
    expect(of(first).errorShare).toBeGreaterThan(0);
  });

  test("the twin of a request has its own answer", () => {
    const { live, pick, of } = setup();
    pick({ mirror: "m" });
    live.logged(entry({ status: 500 }));
    expect(of(first).isEjected).toBe(false);
    live.logged(entry({ status: 500 }, { "x-umbra-mirror": "m" }));
    expect(of(first).isEjected).toBe(true);
  });

  test.each<{
    readonly how: LegClass;
    readonly status?: number;
    readonly isEjected?: boolean;
    readonly hasErrors?: boolean;
  }>([
    { how: "ok" },
    { how: "empty" },
    { how: "ok", status: 304 },
    { how: "ok", status: 307, hasErrors: true },
    { how: "server_error", status: 500, isEjected: true, hasErrors: true },
    { how: "timeout", isEjected: true, hasErrors: true },
    { how: "timeout", status: 504, isEjected: true, hasErrors: true },
    { how: "timeout", status: 408, hasErrors: true },
    { how: "truncated", isEjected: true, hasErrors: true },
    { how: "stream_error", isEjected: true, hasErrors: true },
    { how: "malformed", isEjected: true, hasErrors: true },
    { how: "overloaded", status: 503, hasErrors: true },
    { how: "rate_limited", status: 429, hasErrors: true },
    { how: "auth", status: 401, hasErrors: true },
    { how: "not_found", status: 404, hasErrors: true },
    { how: "bad_request", status: 400, hasErrors: true },
    { how: "connect", status: 503 },
    { how: "client_cancelled" },
    { how: "propagated_cancel" },
    { how: "cap_cancelled" },
  ])(
    "by a measured answer: $how $status",
    ({ how, status = 200, isEjected = false, hasErrors = false }) => {
      const { live, ended, pick, over, of } = setup();
      pick({ isMeasured: true });
      over();
      // The status alone does not show whether a measured answer was good.
      live.logged(entry());
      ended(leg(how, { status }));
      const { errorShare, ...state } = of(first);
      expect([state.isEjected, errorShare > 0]).toEqual([isEjected, hasErrors]);
    },
  );

  test("reports the first token of a measured answer; ignores answers without an endpoint or of unmeasured legs", () => {
    const { ended, pick, of } = setup();
    const { endpoint: _, ...nowhere } = leg("server_error", { status: 500 });
    pick();
    ended(leg("ok", { ttftMs: 10 }));
    expect(of(first).ttftMs).toBeUndefined();
    pick({ isMeasured: true });
    ended(nowhere);
    ended(leg("ok", { ttftMs: 120 }));
    expect(of(first)).toMatchObject({ ttftMs: 120, isEjected: false });
  });

  describe("a good line of a measured request", () => {
    const line = { status: 200 };

    function counted(steps: (is: ReturnType<typeof setup>) => void) {
      const made = setup();
      const found: EndpointAnswer[] = [];
      const state: PoolState = { ...made.pool, recordAnswer: (_, answer) => found.push(answer) };
      made.pick({ isMeasured: true, state });
      steps(made);
      const early = [...found];
      made.clock.ms = 10_001;
      made.live.expire();
      made.live.expire();
      return { early, late: found };
    }

    test("counts when no measured answer can arrive any more", () => {
      const { early, late } = counted(({ live, over }) => {
        live.logged(entry());
        over();
      });
      expect([early, late]).toEqual([[], [line]]);
    });

    test("is overridden by the measured answer, in either order", () => {
      const after = counted(({ live, over, ended }) => {
        live.logged(entry());
        over();
        ended(leg("ok", { ttftMs: 9 }));
      });
      const before = counted(({ live, over, ended }) => {
        ended(leg("ok", { ttftMs: 9 }));
        live.logged(entry());
        over();
      });
      const once = [{ status: 200, ttftMs: 9 }];
      expect([after.early, after.late]).toEqual([once, once]);
      expect([before.early, before.late]).toEqual([once, once]);
    });

    test("counts if the measured answer has no information", () => {
      const after = counted(({ live, over, ended }) => {
        live.logged(entry());
        over();
        ended(leg("client_cancelled"));
      });
      const before = counted(({ live, over, ended }) => {
        ended(leg("client_cancelled"));
        live.logged(entry());
        over();
      });
      expect([after.late, before.late]).toEqual([[line], [line]]);
    });

    test("counts if newer requests replace it", () => {
      const { early } = counted(({ live, over, remember, pick }) => {
        live.logged(entry());
        over();
        const lease = pick({ requestId: "other" });
        for (let i = 0; i < 8_192; i++) over(false, remember({ requestId: `r${i}`, lease }));
      });
      expect(early).toEqual([line]);
    });
  });

  describe("requests that share an id", () => {
    function shared(count: number, isMeasured = false) {
      const made = setup();
      const heard: string[] = [];
      const state: PoolState = {
        ...made.pool,
        recordAnswer: (address, { status }) => heard.push(`${address} ${status}`),
      };
      for (let i = 0; i < count; i++) {
        const picked = made.pool.pick({ model: "m", subset: [i % 2 === 0 ? first : second] });
        if (!picked.ok) throw new Error(picked.code);
        made.pick({ isMeasured, state, lease: picked.lease });
      }
      return { ...made, heard };
    }
    const line = (address: string, status: number) =>
      entry({ status, upstreamAddress: address }, { "x-gateway-destination-endpoint": address });

    test.each([
      { name: "before their ends", isOver: false },
      { name: "after their ends", isOver: true },
    ])("are each reported, $name", ({ isOver }) => {
      const { live, over, heard, legs } = shared(20);
      if (isOver) for (const each of legs.toReversed()) over(false, each);
      for (let i = 0; i < 20; i++) live.logged(line(i % 2 === 0 ? second : first, 200 + i));
      if (!isOver) for (const each of legs) over(false, each);
      expect(heard).toEqual(
        Array.from({ length: 20 }, (_, i) => `${i % 2 === 0 ? second : first} ${200 + i}`),
      );
      live.logged(line(first, 500));
      expect(heard).toHaveLength(20);
    });

    test("are each reported once if they are measured and logged", () => {
      const { live, ended, over, heard, legs } = shared(4, true);
      for (const each of legs) over(false, each);
      for (let i = 0; i < 4; i++) {
        const endpoint = i % 2 === 0 ? second : first;
        live.logged(line(endpoint, 200));
        const logged = legs.find(
          ({ good, isReported }) => good?.address === endpoint && !isReported,
        );
        ended(leg("ok", { endpoint, status: 201 }), logged);
      }
      const pair = [`${second} 201`, `${first} 201`];
      expect(heard).toEqual([...pair, ...pair]);
    });

    test("are limited: too many are ignored", () => {
      const { live, heard } = shared(80);
      for (let i = 0; i < 100; i++) live.logged(line(first, 200));
      expect(heard).toHaveLength(64);
    });
  });

  test("without access log lines, keeps the first 256 ended requests and all measured ones", () => {
    const { live, pick, of, over, remember } = setup();
    const lease = pick();
    for (let i = 0; i < 1_000; i++) {
      over(false, remember({ requestId: `r${i}`, lease, isMeasured: i === 900 }));
    }
    live.logged(entry({ status: 401, requestId: "r256" }));
    expect(of(first).errorShare).toBe(0);
    live.logged(entry({ status: 401, requestId: "r900" }));
    const measured = of(first).errorShare;
    expect(measured).toBeGreaterThan(0);
    live.logged(entry({ status: 401, requestId: "r255" }));
    expect(of(first).errorShare).toBeGreaterThan(measured);
  });

  test("requests are kept for an access log until 10,000 picks had no line", () => {
    const { live, pick, over } = setup();
    for (let i = 0; i < 9_999; i++) {
      pick({ requestId: `r${i}` }).release();
      over();
    }
    expect(live.awaitsLog).toBe(true);
    pick();
    expect(live.awaitsLog).toBe(false);
    live.logged(entry());
    expect(live.awaitsLog).toBe(true);
  });

  test("kept requests are limited and expire", () => {
    const { live, pick, of, clock, over, remember } = setup();
    const lease = pick();
    live.logged(entry({ requestId: "none" }));
    const picked = Array.from({ length: 80_000 }, (_, i) =>
      remember({ requestId: `r${i}`, lease }),
    );
    live.logged(entry({ status: 401, requestId: "r79999" }));
    expect(of(first).errorShare).toBe(0);
    for (const each of picked.slice(0, 8_193)) over(false, each);
    live.logged(entry({ status: 401, requestId: "r0" }));
    expect(of(first).errorShare).toBe(0);
    clock.ms = 5_000;
    over(false, picked[8_193]);
    clock.ms = 10_001;
    live.expire();
    live.logged(entry({ status: 401, requestId: "r1" }));
    expect(of(first).errorShare).toBe(0);
    live.logged(entry({ status: 401, requestId: "r8193" }));
    expect(of(first).errorShare).toBeGreaterThan(0);
  });
});

describe("an answer that passes through the pick stream", () => {
  function watched() {
    const { pick, of } = setup();
    const lease = pick();
    const watch = createAnswerWatch();
    const headers = (status: number, more: { details?: string; isEnd?: boolean } = {}) =>
      watch.headers(lease, {
        headers: new Map([[":status", String(status)]]),
        served: undefined,
        details: more.details,
        isEnd: more.isEnd ?? false,
      });
    return { lease, watch, headers, of };
  }

  test.each([
    { status: 200, isEjected: false, hasErrors: false },
    { status: 500, isEjected: true, hasErrors: true },
    { status: 502, isEjected: true, hasErrors: true },
    { status: 503, isEjected: false, hasErrors: true },
    { status: 401, isEjected: false, hasErrors: true },
    { status: 404, isEjected: false, hasErrors: true },
  ])("with status $status: ejected $isEjected", ({ status, isEjected, hasErrors }) => {
    const { watch, headers, lease, of } = watched();
    headers(status);
    watch.over(lease);
    expect(watch.isReported).toBe(true);
    expect(of(first)).toMatchObject({ isEjected, inFlight: 0 });
    expect(of(first).errorShare > 0).toBe(hasErrors);
  });

  test("from the gateway itself does not count for the endpoint", () => {
    const { headers, watch, of } = watched();
    headers(500, { details: "no_healthy_upstream" });
    expect(watch.isReported).toBe(false);
    expect(of(first)).toMatchObject({ isEjected: false, errorShare: 0, inFlight: 0 });
  });

  test("is good at its end, unknown if truncated, and an error if it redirects", () => {
    const whole = watched();
    whole.headers(200, { details: "via_upstream" });
    whole.watch.body(whole.lease, 10, false);
    whole.watch.body(whole.lease, 0, true);
    expect(whole.watch.isReported).toBe(true);
    const cut = watched();
    cut.headers(200);
    cut.watch.body(cut.lease, 10, false);
    cut.watch.over(cut.lease);
    expect(cut.watch.isReported).toBe(false);
    const redirect = watched();
    redirect.headers(302, { isEnd: true });
    expect(redirect.watch.isReported).toBe(true);
    expect(redirect.of(first)).toMatchObject({ isEjected: false, inFlight: 0 });
    expect(redirect.of(first).errorShare).toBeGreaterThan(0);
  });
});
