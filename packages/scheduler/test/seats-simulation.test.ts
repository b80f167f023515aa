import { describe, expect, test } from "@jest/globals";
import { createPool } from "@umbra/scheduler";
import { createEngine, defaultOptions, type Engine } from "@umbra/simulator/internal";
import { createVirtualClock } from "../../../bench/quality/virtual-clock.ts";

const outputTokens = 100;

/**
 * Plays `rate` requests a second for one adapter on two simulated servers with so many seats. Returns the share that the
 * less used one was sent after the first 5 s, and the longest wait for a first token then, in ms.
 */
function play(seats: number, rate: number) {
  const clock = createVirtualClock();
  const pool = createPool({ name: "p", now: clock.now, random: () => 0 });
  const options = { ...defaultOptions, maxNumSeqs: seats, decodeTokensPerSecond: 50, maxLoras: 4 };
  const engines = new Map<string, Engine>(
    ["10.0.0.1:1", "10.0.0.2:1"].map((address) => [address, createEngine(options, clock)]),
  );
  pool.setEndpoints([...engines.keys()]);
  const scrape = (): void => {
    for (const [address, engine] of engines) {
      const { waiting, running, kvCacheUsage, runningAdapters, waitingAdapters } = engine.gauges();
      const page = {
        scrapedAtMs: clock.now(),
        waitingRequests: waiting,
        runningRequests: running,
        kvCacheUsage,
        activeAdapters: new Set([...runningAdapters, ...waitingAdapters]),
        maxActiveAdapters: 4,
      };
      pool.recordScrape(address, page, clock.now());
    }
    clock.schedule(scrape, 100);
  };
  scrape();
  const sent = { all: 0, second: 0, longestMs: 0 };
  const send = (): void => {
    const sentMs = clock.now();
    const picked = pool.pick({ model: "sql", adapter: "sql", promptTokens: 20 });
    if (!picked.ok) throw new Error(picked.code);
    const isMeasured = sentMs >= 5_000;
    if (isMeasured) sent.all++;
    if (isMeasured && picked.endpoint === "10.0.0.2:1") sent.second++;
    let hasToken = false;
    engines.get(picked.endpoint)?.submit({
      promptTokens: 20,
      outputTokens,
      adapter: "sql",
      onToken(isLast) {
        if (!hasToken) {
          hasToken = true;
          picked.lease.firstToken();
          if (isMeasured) sent.longestMs = Math.max(sent.longestMs, clock.now() - sentMs);
        }
        if (isLast) picked.lease.done({ outputTokens });
      },
    });
    clock.schedule(send, 1_000 / rate);
  };
  send();
  clock.runUntil(30_000);
  return {
    share: Math.min(sent.second, sent.all - sent.second) / sent.all,
    longestMs: sent.longestMs,
  };
}

describe.each([{ seats: 4 }, { seats: 16 }, { seats: 256 }])(
  "an adapter on one of two servers with $seats seats",
  ({ seats }) => {
    test("stays there while there are seats", () => {
      expect(play(seats, Math.min(4, seats / 8)).share).toBe(0);
    });

    test("spreads once the server is full", () => {
      // A full batch ends `seats` requests in about 6 s: one and a half times as many come.
      const { share, longestMs } = play(seats, Math.min(40, (1.5 * seats) / 6));
      expect(share).toBeGreaterThan(0.25);
      expect(share).toBeLessThan(0.75);
      expect(longestMs).toBeLessThan(4_000);
    });
  },
);
