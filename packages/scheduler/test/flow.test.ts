import { describe, expect, test } from "@jest/globals";
import { admitAll, createPool } from "@umbra/scheduler";
import {
  createFlowQueue,
  type FlowEvent,
  type FlowOutcome,
  type FlowQueueOptions,
  type FlowRequest,
} from "@umbra/scheduler/flow";
import fc from "fast-check";
import { metrics } from "./fixtures.ts";

/** A queue on a clock that a test moves, before a pool with so many places. */
function setup(overrides: Partial<FlowQueueOptions> = {}) {
  const pool = { places: 0, hasEndpoints: true };
  const events: FlowEvent[] = [];
  let nowMs = 0;
  let timer: { readonly atMs: number; readonly run: () => void } | undefined;
  const queue = createFlowQueue({
    now: () => nowMs,
    schedule(run, afterMs) {
      if (timer !== undefined) throw new Error("a second timer");
      const made = { atMs: nowMs + afterMs, run };
      timer = made;
      return () => {
        if (timer === made) timer = undefined;
      };
    },
    saturation: () => (pool.places > 0 ? 0 : 1),
    hasEndpoints: () => pool.hasEndpoints,
    onEvent: (event) => events.push(event),
    ...overrides,
  });
  const order: string[] = [];
  /** Waits in the queue; notes its name when it is its turn. */
  function ask(name: string, request: Partial<FlowRequest> = {}, signal?: AbortSignal) {
    const result: { outcome?: FlowOutcome<string>; error?: unknown } = {};
    const done = queue
      .acquire(
        { priority: 0, bytes: 1, ...request },
        () => {
          if (pool.places === 0) return undefined;
          pool.places--;
          order.push(name);
          return name;
        },
        signal === undefined ? {} : { signal },
      )
      .then(
        (outcome) => {
          result.outcome = outcome;
        },
        (error: unknown) => {
          result.error = error;
        },
      );
    return { result, done };
  }
  return {
    queue,
    pool,
    events,
    order,
    ask,
    isArmed: () => timer !== undefined,
    /** Lets time pass, timer by timer. */
    async pass(ms: number) {
      const endMs = nowMs + ms;
      while (timer !== undefined && timer.atMs <= endMs) {
        const { atMs, run } = timer;
        nowMs = Math.max(nowMs, atMs);
        timer = undefined;
        run();
        if (atMs === nowMs && timer !== undefined && (timer as { atMs: number }).atMs <= nowMs)
          break;
      }
      nowMs = endMs;
      await settled();
    },
    /** So many places come free. */
    async free(places: number) {
      pool.places += places;
      queue.poke();
      await settled();
    },
  };
}

async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}

const empty = { requests: 0, bytes: 0, bands: [] };

describe("a flow queue", () => {
  test("lets a request through at once while there is room", async () => {
    const { ask, pool, queue, events, isArmed } = setup();
    pool.places = 1;
    const { result, done } = ask("a");
    await done;
    expect(result.outcome).toEqual({ ok: true, value: "a", waitedMs: 0 });
    expect(events).toEqual([{ type: "dispatched", priority: 0, waitedMs: 0 }]);
    expect(queue.snapshot()).toEqual(empty);
    expect(isArmed()).toBe(false);
  });

  test("holds a request until there is room, poked or not", async () => {
    const { ask, pool, pass, free, events, isArmed } = setup();
    const told = ask("told");
    await pass(3);
    await free(1);
    expect(told.result.outcome).toEqual({ ok: true, value: "told", waitedMs: 3 });
    expect(isArmed()).toBe(false);
    const polled = ask("polled");
    pool.places = 1;
    await pass(5);
    expect(polled.result.outcome).toMatchObject({ ok: true, waitedMs: 5 });
    expect(events.map(({ type }) => type)).toEqual([
      "enqueued",
      "dispatched",
      "enqueued",
      "dispatched",
    ]);
  });

  test("a request that can't be placed stays first", async () => {
    const { ask, free, order, queue } = setup({ saturation: () => 0 });
    ask("a");
    ask("b");
    await settled();
    await free(0);
    expect(queue.snapshot().requests).toBe(2);
    await free(2);
    expect(order).toEqual(["a", "b"]);
  });

  test("serves higher priorities first, and none overtakes", async () => {
    const { ask, free, order } = setup();
    ask("low", { priority: -1 });
    ask("mid");
    ask("high", { priority: 5 });
    await free(1);
    ask("later high", { priority: 5 });
    await free(1);
    await free(2);
    expect(order).toEqual(["high", "later high", "mid", "low"]);
  });

  test("a request does not overtake a waiting one of higher priority", async () => {
    const { ask, pool, order, free } = setup();
    ask("high", { priority: 1 });
    pool.places = 1;
    ask("low");
    await settled();
    expect(order).toEqual([]);
    await free(1);
    expect(order).toEqual(["high", "low"]);
  });

  test("a request immediately overtakes waiting ones of lower priority", async () => {
    const { ask, pool, order } = setup();
    ask("low");
    pool.places = 1;
    await ask("high", { priority: 1 }).done;
    expect(order).toEqual(["high"]);
  });

  test("bands wait from their own ceilings on", async () => {
    let saturation = 0.6;
    const { ask, pool, queue, order } = setup({
      saturation: () => saturation,
      bands: [{ priority: -1, ceiling: 0.5 }],
    });
    pool.places = 9;
    const low = ask("low", { priority: -1 });
    await ask("standard").done;
    expect(order).toEqual(["standard"]);
    saturation = 0.4;
    queue.poke();
    await low.done;
    expect(order).toEqual(["standard", "low"]);
  });

  test("tenants take turns, regardless of how much each has sent", async () => {
    const { ask, free, order } = setup();
    for (const i of [1, 2, 3, 4]) ask(`a${i}`, { fairnessId: "a" });
    for (const i of [1, 2]) ask(`b${i}`, { fairnessId: "b" });
    ask("none");
    await free(7);
    expect(order).toEqual(["a1", "b1", "none", "a2", "b2", "a3", "a4"]);
  });

  test("a strict band serves by age alone", async () => {
    const { ask, free, order } = setup({ defaultBand: { fairness: "strict" } });
    for (const [name, fairnessId] of [
      ["a1", "a"],
      ["a2", "a"],
      ["b1", "b"],
    ] as const)
      ask(name, { fairnessId });
    await free(3);
    expect(order).toEqual(["a1", "a2", "b1"]);
  });

  test("a band by deadline serves the earliest first, those without one last and by age", async () => {
    const { ask, free, order } = setup({ defaultBand: { ordering: "edf" } });
    ask("none 1");
    ask("late", { deadlineMs: 900 });
    ask("none 2");
    ask("early", { deadlineMs: 100 });
    ask("late too", { deadlineMs: 900 });
    await free(5);
    expect(order).toEqual(["early", "late", "late too", "none 1", "none 2"]);
  });

  test.each([
    {
      name: "its own time",
      options: {},
      request: { ttlMs: 50 },
      hasEndpoints: true,
      atMs: 50,
      code: "TTL_EXPIRED",
    },
    {
      name: "the queue's time",
      options: { ttlMs: 70 },
      request: {},
      hasEndpoints: true,
      atMs: 70,
      code: "TTL_EXPIRED",
    },
    {
      name: "the time for an empty pool",
      options: { noEndpointTtlMs: 20 },
      request: {},
      hasEndpoints: false,
      atMs: 20,
      code: "NO_ENDPOINTS",
    },
    {
      name: "a minute",
      options: {},
      request: {},
      hasEndpoints: true,
      atMs: 60_000,
      code: "TTL_EXPIRED",
    },
  ])("gives up after $name", async ({ options, request, hasEndpoints, atMs, code }) => {
    const { ask, pool, pass, queue, isArmed } = setup({ pollMs: 1_000, ...options });
    pool.hasEndpoints = hasEndpoints;
    const { result } = ask("a", request);
    await pass(atMs - 1);
    expect(result.outcome).toBeUndefined();
    await pass(1);
    expect(result.outcome).toEqual({ ok: false, code, waitedMs: atMs, retryAfterMs: 1_000 });
    expect(queue.snapshot()).toEqual(empty);
    expect(isArmed()).toBe(false);
  });

  test("waits for an empty pool to be filled", async () => {
    const { ask, pool, free, order } = setup();
    pool.hasEndpoints = false;
    ask("a");
    await free(1);
    expect(order).toEqual([]);
    pool.hasEndpoints = true;
    await free(0);
    expect(order).toEqual(["a"]);
  });

  test.each([
    { name: "the queue's requests", options: { maxRequests: 2 }, bytes: 1 },
    { name: "the queue's bytes", options: { maxBytes: 25 }, bytes: 10 },
    { name: "the band's requests", options: { defaultBand: { maxRequests: 2 } }, bytes: 1 },
    { name: "the band's bytes", options: { bands: [{ priority: 0, maxBytes: 25 }] }, bytes: 10 },
  ])("refuses what is beyond $name", async ({ options, bytes }) => {
    const { ask, queue } = setup(options);
    ask("a", { bytes });
    ask("b", { bytes });
    const { result, done } = ask("c", { bytes });
    await done;
    expect(result.outcome).toMatchObject({ ok: false, code: "QUEUE_FULL", waitedMs: 0 });
    expect(queue.snapshot()).toMatchObject({ requests: 2, bytes: 2 * bytes });
  });

  test("a request too large for the queue leaves no trace", async () => {
    const { ask, queue } = setup({ maxBytes: 5 });
    const { result, done } = ask("a", { bytes: 6 });
    await done;
    expect(result.outcome).toMatchObject({ code: "QUEUE_FULL" });
    expect(queue.snapshot()).toEqual(empty);
  });

  test("a higher priority takes the room of the newest of the lowest", async () => {
    const { ask, free, order } = setup({ maxRequests: 3 });
    const [old, newest] = [ask("old", { priority: -1 }), ask("newest", { priority: -1 })];
    ask("mid");
    const high = ask("high", { priority: 1 });
    await newest.done;
    expect(newest.result.outcome).toMatchObject({ ok: false, code: "EVICTED" });
    const low = ask("low", { priority: -1 });
    await low.done;
    expect(low.result.outcome).toMatchObject({ code: "QUEUE_FULL" });
    await free(3);
    expect(order).toEqual(["high", "mid", "old"]);
    expect([old, high].map(({ result }) => result.outcome?.ok)).toEqual([true, true]);
  });

  test("evicts no request if that would not make enough room", async () => {
    const { ask, queue } = setup({ maxBytes: 100 });
    const low = ask("low", { priority: -1, bytes: 10 });
    ask("mid", { bytes: 90 });
    const { result, done } = ask("large", { bytes: 50 });
    await done;
    expect(result.outcome).toMatchObject({ ok: false, code: "QUEUE_FULL" });
    expect(low.result.outcome).toBeUndefined();
    expect(queue.snapshot()).toMatchObject({ requests: 2, bytes: 100 });
  });

  test.each([
    { priority: Number.NaN, bytes: 1 },
    { priority: 0.5, bytes: 1 },
    { priority: 0, bytes: Number.NaN },
    { priority: 0, bytes: -1 },
  ])("takes no request of priority $priority and $bytes bytes", async (request) => {
    const { ask, queue } = setup();
    const { result, done } = ask("odd", request);
    await done;
    expect(result.error).toBeInstanceOf(RangeError);
    expect(queue.snapshot()).toEqual(empty);
  });

  test("waits without end where its time is infinite", async () => {
    const { ask, pass, free, order } = setup({ ttlMs: Number.POSITIVE_INFINITY });
    ask("patient");
    await pass(10_000);
    await free(1);
    expect(order).toEqual(["patient"]);
  });

  test("negative priorities have a default band of their own", async () => {
    const { ask } = setup({
      defaultBand: { maxRequests: 2 },
      defaultNegativeBand: { maxRequests: 1 },
    });
    ask("a");
    ask("b", { priority: -1 });
    const [c, d] = [ask("c"), ask("d", { priority: -1 })];
    await d.done;
    expect([c.result.outcome, d.result.outcome]).toMatchObject([undefined, { code: "QUEUE_FULL" }]);
  });

  test("one good scrape does not send all that waits at once", async () => {
    let nowMs = 0;
    const pool = createPool({ name: "p", now: () => nowMs, admission: admitAll() });
    pool.setEndpoints(["10.0.0.1:1", "10.0.0.2:1"]);
    const { queue } = setup({ saturation: () => pool.saturation() });
    const request = { priority: 0, bytes: 1 };
    for (const address of pool.addresses()) {
      pool.recordScrape(address, metrics({ waitingRequests: 5 }), nowMs);
    }
    const asked = Array.from({ length: 40 }, () =>
      queue.acquire(request, () => pool.pick({ model: "base" })),
    );
    const scrape = () => {
      nowMs++;
      for (const address of pool.addresses()) pool.recordScrape(address, metrics(), nowMs);
      queue.poke();
    };
    scrape();
    expect(queue.snapshot().requests).toBe(30);
    scrape();
    expect(queue.snapshot().requests).toBe(20);
    queue.close();
    await Promise.all(asked);
  });

  test("a client that goes away leaves the queue, and its signal is not listened to any more", async () => {
    const { ask, free, order, queue } = setup();
    const [gone, served, dead] = [
      new AbortController(),
      new AbortController(),
      new AbortController(),
    ];
    const a = ask("a", {}, gone.signal);
    ask("b", {}, served.signal);
    gone.abort();
    await a.done;
    expect(a.result.outcome).toMatchObject({ ok: false, code: "CANCELLED" });
    await free(1);
    served.abort();
    expect(order).toEqual(["b"]);
    dead.abort();
    const c = ask("c", {}, dead.signal);
    await c.done;
    expect(c.result.outcome).toMatchObject({ ok: false, code: "CANCELLED", waitedMs: 0 });
    expect(queue.snapshot()).toEqual(empty);
  });

  test("closing ends all that waits, and all that comes", async () => {
    const { ask, queue, isArmed } = setup();
    const [a, b] = [ask("a"), ask("b", { priority: 3 })];
    queue.close();
    const c = ask("c");
    await Promise.all([a.done, b.done, c.done]);
    for (const { result } of [a, b, c])
      expect(result.outcome).toMatchObject({ code: "SHUTTING_DOWN" });
    expect(isArmed()).toBe(false);
  });

  test("what placing a request throws is that request's alone", async () => {
    const { queue, ask, free, order } = setup();
    const broken = queue.acquire({ priority: 0, bytes: 1 }, () => {
      throw new Error("broken");
    });
    const caught = expect(broken).rejects.toThrow("broken");
    ask("a");
    await free(1);
    await caught;
    expect(order).toEqual(["a"]);
    expect(queue.snapshot()).toEqual(empty);
    const { pool, queue: other } = setup();
    pool.places = 1;
    await expect(
      other.acquire({ priority: 0, bytes: 1 }, () => {
        throw new Error("broken");
      }),
    ).rejects.toThrow("broken");
  });

  test("computes when to retry from the rate of served requests, at most a minute", async () => {
    const { ask, free, pass } = setup({ maxRequests: 100, ttlMs: 1e9, pollMs: 1e9 });
    for (let i = 0; i < 100; i++) ask(`r${i}`);
    for (let i = 0; i < 40; i++) {
      await pass(500);
      await free(1);
    }
    for (let i = 0; i < 40; i++) ask(`s${i}`);
    const { result, done } = ask("too many");
    await done;
    const { outcome } = result;
    expect(outcome?.ok === false && outcome.retryAfterMs).toBeGreaterThan(40_000);
    expect(outcome?.ok === false && outcome.retryAfterMs).toBeLessThanOrEqual(60_000);
  });

  test("10,000 cancellations take no longer than 10,000 entries should", async () => {
    const { queue } = setup({ defaultBand: { maxRequests: 20_000 }, maxRequests: 20_000 });
    const gone = Array.from({ length: 10_000 }, () => new AbortController());
    const all = gone.map(({ signal }, i) =>
      queue.acquire({ priority: 0, bytes: 1, fairnessId: `f${i % 10}` }, () => undefined, {
        signal,
      }),
    );
    for (const controller of gone) controller.abort();
    const outcomes = await Promise.all(all);
    expect(outcomes.every((outcome) => !outcome.ok && outcome.code === "CANCELLED")).toBe(true);
    expect(queue.snapshot()).toEqual(empty);
  });

  test("needs no listener", async () => {
    let isFree = false;
    const queue = createFlowQueue({
      now: () => 0,
      schedule: () => () => {},
      saturation: () => 0,
      hasEndpoints: () => true,
    });
    const waiting = queue.acquire({ priority: 0, bytes: 1 }, () => (isFree ? "yes" : undefined));
    isFree = true;
    queue.poke();
    expect(await waiting).toMatchObject({ ok: true, value: "yes" });
    expect(await queue.acquire({ priority: 0, bytes: 1 }, () => "at once")).toMatchObject({
      ok: true,
    });
    queue.close();
    expect(await queue.acquire({ priority: 0, bytes: 1 }, () => "late")).toMatchObject({
      ok: false,
    });
  });

  test("conserves: every request ends once, bounds hold, nothing is left", async () => {
    const step = fc.oneof(
      fc.record({
        do: fc.constant("ask" as const),
        priority: fc.integer({ min: -2, max: 2 }),
        bytes: fc.nat({ max: 40 }),
        fairnessId: fc.constantFrom("a", "b", "c"),
        deadlineMs: fc.option(fc.nat({ max: 500 }), { nil: undefined }),
        ttlMs: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined }),
      }),
      fc.record({
        do: fc.constantFrom("free" as const, "pass" as const),
        amount: fc.nat({ max: 30 }),
      }),
      fc.record({ do: fc.constant("abort" as const), which: fc.nat({ max: 30 }) }),
      fc.record({ do: fc.constant("endpoints" as const), are: fc.boolean() }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.constantFrom("fcfs" as const, "edf" as const),
        fc.constantFrom("round-robin" as const, "strict" as const),
        async (steps, ordering, fairness) => {
          const made = setup({
            maxRequests: 8,
            maxBytes: 120,
            defaultBand: { maxRequests: 5, maxBytes: 90, ordering, fairness },
          });
          const asked: { result: { outcome?: unknown }; controller: AbortController }[] = [];
          let ends = 0;
          for (const each of steps) {
            if (each.do === "ask") {
              const { do: _, deadlineMs, ttlMs, ...rest } = each;
              const controller = new AbortController();
              const { result, done } = made.ask(
                "x",
                {
                  ...rest,
                  ...(deadlineMs === undefined ? {} : { deadlineMs }),
                  ...(ttlMs === undefined ? {} : { ttlMs }),
                },
                controller.signal,
              );
              void done.then(() => ends++);
              asked.push({ result, controller });
            } else if (each.do === "free") await made.free(each.amount % 4);
            else if (each.do === "pass") await made.pass(each.amount);
            else if (each.do === "abort") asked[each.which]?.controller.abort();
            else if (each.do === "endpoints") made.pool.hasEndpoints = each.are;
            await settled();
            const { requests, bytes, bands } = made.queue.snapshot();
            expect(requests).toBeLessThanOrEqual(8);
            expect(bytes).toBeLessThanOrEqual(120);
            expect(bands.every((band) => band.requests <= 5 && band.bytes <= 90)).toBe(true);
            expect(bands.reduce((sum, band) => sum + band.requests, 0)).toBe(requests);
            expect(bands.map(({ priority }) => priority)).toEqual(
              bands.map(({ priority }) => priority).toSorted((a, b) => b - a),
            );
            expect(ends + requests).toBe(asked.length);
            expect(made.isArmed()).toBe(requests > 0);
          }
          made.queue.close();
          await settled();
          expect(ends).toBe(asked.length);
          expect(made.queue.snapshot()).toEqual(empty);
        },
      ),
    );
  });

  test("starves no tenant: between two turns of one each other has one at most", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom("a", "b", "c", "d"), { minLength: 1, maxLength: 60 }),
        async (tenants) => {
          const { ask, free, order } = setup();
          for (const fairnessId of tenants) ask(fairnessId, { fairnessId });
          await free(tenants.length);
          expect(order.toSorted()).toEqual(tenants.toSorted());
          for (const tenant of new Set(tenants)) {
            const turns = order.flatMap((each, i) => (each === tenant ? [i] : []));
            for (const [i, turn] of turns.entries()) {
              const previous = i === 0 ? -1 : (turns[i - 1] ?? 0);
              const between = order.slice(previous + 1, turn);
              expect(new Set(between).size).toBe(between.length);
            }
          }
        },
      ),
    );
  });
});
