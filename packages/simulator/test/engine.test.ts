import { describe, expect, test } from "@jest/globals";
import type { SimulatorOptions } from "@umbra/simulator";
import { createEngine, defaultOptions, type Engine } from "@umbra/simulator/internal";
import fc from "fast-check";

/** An engine on a clock that jumps from event to event. */
function setup(options: Partial<SimulatorOptions> = {}) {
  const events: { readonly atMs: number; readonly run: () => void }[] = [];
  let nowMs = 0;
  const all = {
    ...defaultOptions,
    prefillTokensPerSecond: 1_000,
    decodeTokensPerSecond: 100,
    ...options,
  };
  const engine = createEngine(all, {
    now: () => nowMs,
    schedule: (run, afterMs) => {
      events.push({ atMs: nowMs + afterMs, run });
      events.sort((a, b) => a.atMs - b.atMs);
    },
  });
  return {
    engine,
    now: () => nowMs,
    /** Runs the next event; false when there is none. */
    next(): boolean {
      const event = events.shift();
      if (event === undefined) return false;
      nowMs = event.atMs;
      event.run();
      return true;
    },
  };
}

function submit(
  engine: Engine,
  job: { promptTokens?: number; outputTokens?: number; adapter?: string },
  tokens: boolean[] = [],
) {
  return engine.submit({
    promptTokens: 10,
    outputTokens: 5,
    ...job,
    onToken: (isLast) => tokens.push(isLast),
  });
}

describe("the simulated engine", () => {
  test("prefills at its rate, then makes a token a step", () => {
    const { engine, next, now } = setup({ maxNumSeqs: 1_000_000 });
    const tokens: boolean[] = [];
    submit(engine, { promptTokens: 100, outputTokens: 3 }, tokens);
    while (next());
    expect(tokens).toEqual([false, false, true]);
    expect(now()).toBeCloseTo(100 + 3 * 10, 1);
  });

  test("queues beyond its batch", () => {
    const { engine, next } = setup({ maxNumSeqs: 2 });
    for (let i = 0; i < 5; i++) submit(engine, {});
    next();
    expect(engine.gauges()).toMatchObject({ running: 2, waiting: 3 });
    while (next());
    expect(engine.gauges()).toMatchObject({ running: 0, waiting: 0, kvCacheUsage: 0 });
  });

  test("holds KV blocks while it runs, and queues what does not fit", () => {
    const { engine, next } = setup({ blockSize: 16, numGpuBlocks: 4 });
    submit(engine, { promptTokens: 40 });
    submit(engine, { promptTokens: 40 });
    next();
    expect(engine.gauges()).toMatchObject({ running: 1, waiting: 1, kvCacheUsage: 0.75 });
  });

  test("loads an adapter before it runs, and keeps it", () => {
    const { engine, next, now } = setup({ enableLora: true, maxLoras: 1, loraLoadMs: 500 });
    submit(engine, { adapter: "sql", outputTokens: 1 });
    next();
    expect(engine.gauges()).toMatchObject({
      waiting: 1,
      waitingAdapters: ["sql"],
      adapterLoads: 1,
    });
    next();
    expect(now()).toBe(500);
    expect(engine.gauges()).toMatchObject({ running: 1, runningAdapters: ["sql"] });
    while (next());
    submit(engine, { adapter: "sql" });
    next();
    expect(engine.gauges()).toMatchObject({ running: 1, adapterLoads: 1 });
  });

  test("lets a second adapter wait while its only slot is busy", () => {
    const { engine, next } = setup({ maxLoras: 1, loraLoadMs: 0 });
    submit(engine, { adapter: "a", outputTokens: 50 });
    submit(engine, { adapter: "b" });
    for (let i = 0; i < 4; i++) next();
    expect(engine.gauges()).toMatchObject({ runningAdapters: ["a"], waitingAdapters: ["b"] });
    while (next());
    expect(engine.gauges().adapterLoads).toBe(2);
  });

  test("frees what a cancelled request holds", () => {
    const { engine, next } = setup();
    const cancel = submit(engine, {});
    next();
    cancel();
    cancel();
    expect(engine.gauges()).toMatchObject({ running: 0, waiting: 0, kvCacheUsage: 0 });
    while (next());
  });

  test("answers at once when time is switched off", () => {
    const tokens: boolean[] = [];
    submit(setup({ timeScale: 0 }).engine, { outputTokens: 2 }, tokens);
    expect(tokens).toEqual([false, true]);
  });

  test("finishes every request and never exceeds its capacity", () => {
    const jobs = fc.array(
      fc.record({
        promptTokens: fc.integer({ min: 1, max: 60 }),
        outputTokens: fc.integer({ min: 1, max: 30 }),
        adapter: fc.constantFrom("", "a", "b", "c"),
        isCancelled: fc.boolean(),
      }),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(jobs, (all) => {
        const { engine, next } = setup({
          maxNumSeqs: 4,
          numGpuBlocks: 12,
          blockSize: 8,
          maxLoras: 2,
          loraLoadMs: 30,
        });
        const lasts = all.map(({ adapter, isCancelled, ...job }) => {
          const tokens: boolean[] = [];
          const cancel = submit(engine, { ...job, ...(adapter === "" ? {} : { adapter }) }, tokens);
          return { tokens, cancel, isCancelled, expected: job.outputTokens };
        });
        for (const { cancel } of lasts.filter(({ isCancelled }) => isCancelled)) cancel();
        for (let steps = 0; next(); steps++) {
          const { running, waiting, kvCacheUsage, runningAdapters } = engine.gauges();
          expect(running).toBeLessThanOrEqual(4);
          expect(waiting).toBeGreaterThanOrEqual(0);
          expect(kvCacheUsage >= 0 && kvCacheUsage <= 1).toBe(true);
          expect(runningAdapters.length).toBeLessThanOrEqual(2);
          expect(steps).toBeLessThan(10_000);
        }
        for (const { tokens, expected } of lasts.filter(({ isCancelled }) => !isCancelled)) {
          expect(tokens).toHaveLength(expected);
        }
        expect(engine.gauges()).toMatchObject({ running: 0, waiting: 0, kvCacheUsage: 0 });
      }),
    );
  });
});
