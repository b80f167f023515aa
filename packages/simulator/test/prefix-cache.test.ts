import { describe, expect, test } from "@jest/globals";
import type { SimulatorOptions } from "@umbra/simulator";
import { createEngine, defaultOptions } from "@umbra/simulator/internal";
import { createPrefixCache } from "../src/prefix-cache.ts";

describe("the prefix cache", () => {
  test("counts blocks once however many use them, and keeps unused ones", () => {
    const cache = createPrefixCache();
    cache.take([1, 2, 3]);
    cache.take([1, 2, 4]);
    expect(cache.used).toBe(4);
    expect(cache.cost([1, 2, 9])).toBe(1);
    cache.give([1, 2, 3]);
    expect(cache.used).toBe(3);
    expect(cache.match([1, 2, 3])).toBe(3);
    expect(cache.match([1, 9, 3])).toBe(1);
  });

  test("removes the least recently used free block; of one prompt, the last first", () => {
    const cache = createPrefixCache();
    cache.take([1, 2]);
    cache.take([5, 6]);
    cache.give([1, 2]);
    cache.give([5, 6]);
    cache.keepFree(3);
    expect(cache.match([1, 2])).toBe(1);
    cache.take([1]);
    cache.keepFree(1);
    expect(cache.match([1])).toBe(1);
    expect(cache.match([5, 6])).toBe(1);
  });
});

describe("an engine with a prefix cache", () => {
  function setup(options: Partial<SimulatorOptions> = {}) {
    const events: { readonly atMs: number; readonly run: () => void }[] = [];
    let nowMs = 0;
    const engine = createEngine(
      {
        ...defaultOptions,
        maxNumSeqs: 1_000_000,
        prefillTokensPerSecond: 1_000,
        decodeTokensPerSecond: 1_000_000,
        ...options,
      },
      {
        now: () => nowMs,
        schedule: (run, afterMs) => {
          events.push({ atMs: nowMs + afterMs, run });
          events.sort((a, b) => a.atMs - b.atMs);
        },
      },
    );
    const drain = (): void => {
      for (let event = events.shift(); event !== undefined; event = events.shift()) {
        nowMs = event.atMs;
        event.run();
      }
    };
    /** Time to first token of a lone job, in ms. */
    function ttft(promptTokens: number, promptBlocks?: readonly number[]): number {
      const startedMs = nowMs;
      let firstMs: number | undefined;
      engine.submit({
        promptTokens,
        outputTokens: 1,
        ...(promptBlocks === undefined ? {} : { promptBlocks }),
        onToken: () => {
          firstMs ??= nowMs;
        },
      });
      drain();
      return Math.round((firstMs ?? Number.NaN) - startedMs);
    }
    return { engine, drain, ttft };
  }
  const blocks = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);

  test("computes only what is not cached, and always something", () => {
    const { engine, ttft } = setup();
    expect(ttft(160, blocks(0, 10))).toBe(160);
    expect(ttft(320, blocks(0, 20))).toBe(160);
    expect(ttft(320, blocks(0, 20))).toBe(1);
    expect(ttft(160)).toBe(160);
    expect(engine.gauges()).toMatchObject({ prefixQueryTokens: 800, prefixHitTokens: 479 });
  });

  test("cached blocks give way to running requests", () => {
    const { ttft } = setup({ numGpuBlocks: 12 });
    expect(ttft(160, blocks(0, 10))).toBe(160);
    expect(ttft(160, blocks(100, 10))).toBe(160);
    expect(ttft(160, blocks(0, 10))).toBeGreaterThan(100);
  });

  test("a request whose blocks are in use already needs no room for them", () => {
    const { engine, drain } = setup({ numGpuBlocks: 13, decodeTokensPerSecond: 10 });
    const order: string[] = [];
    for (const name of ["one", "two"]) {
      engine.submit({
        promptTokens: 160,
        outputTokens: 3,
        promptBlocks: blocks(0, 10),
        onToken: () => order.push(name),
      });
    }
    drain();
    expect(order).toEqual(["one", "two", "one", "two", "one", "two"]);
    expect(engine.gauges()).toMatchObject({ running: 0, waiting: 0, kvCacheUsage: 0 });
  });

  test("a long prompt is computed in steps while others continue", () => {
    const { engine, drain } = setup({ maxNumBatchedTokens: 100, decodeTokensPerSecond: 10 });
    const order: string[] = [];
    engine.submit({ promptTokens: 10, outputTokens: 6, onToken: () => order.push("short") });
    engine.submit({ promptTokens: 350, outputTokens: 1, onToken: () => order.push("long") });
    drain();
    expect(order.indexOf("long")).toBe(4);
    expect(order).toHaveLength(7);
  });

  test("prompts continue even if generating sequences fill every step", () => {
    const { engine, drain } = setup({ maxNumBatchedTokens: 1, decodeTokensPerSecond: 10 });
    const order: string[] = [];
    engine.submit({ promptTokens: 1, outputTokens: 9, onToken: () => order.push("a") });
    engine.submit({ promptTokens: 3, outputTokens: 1, onToken: () => order.push("b") });
    drain();
    expect(order).toContain("b");
  });
});
