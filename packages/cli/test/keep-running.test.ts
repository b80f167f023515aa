import { describe, expect, test } from "@jest/globals";
import type { Child } from "../src/process/child.ts";
import { keepRunning, type RestartLimits } from "../src/process/keep-running.ts";

const limits: RestartLimits = {
  minLifeMs: 0,
  maxFailedStarts: 3,
  firstDelayMs: 1,
  maxDelayMs: 4,
  healthyMs: 1_000_000,
};

/** Creates children that end immediately in the given ways. The last one runs until it is stopped. */
function children(...ends: readonly { readonly isClean: boolean; readonly words: string }[]) {
  let started = 0;
  const start = (): Child => {
    const end = ends[started++];
    let stop = (): void => {};
    const stopped = new Promise<{ isClean: boolean; words: string }>((resolve) => {
      stop = () => resolve({ isClean: true, words: "stopped" });
    });
    return {
      pid: started,
      ended: end === undefined ? stopped : Promise.resolve(end),
      lastLines: () => (end === undefined ? [] : ["one", "two"]),
      stop: async () => stop(),
    };
  };
  return { start, started: () => started };
}

const crash = { isClean: false, words: "signal SIGSEGV" };

/** Resolves with the messages after the given number of them. */
function saying(count: number) {
  const said: string[] = [];
  let tell = (_: readonly string[]): void => {};
  const all = new Promise<readonly string[]>((resolve) => {
    tell = resolve;
  });
  const say = (words: string): void => {
    said.push(words);
    if (said.length === count) tell(said);
  };
  return { say, all };
}

describe("keepRunning", () => {
  test("waits twice as long each time, up to a limit", async () => {
    const { say, all } = saying(4);
    const { start } = children(crash, crash, crash, crash);
    const kept = keepRunning({ name: "it", start, say, limits });
    const waits = (await all).map((words) => /restarting it in ([\d.]+) s/.exec(words)?.[1]);
    expect(waits).toEqual(["0.001", "0.002", "0.004", "0.004"]);
    await kept.stop();
  });

  test("resets the delay after a healthy run", async () => {
    const { say, all } = saying(3);
    const { start } = children(crash, crash, crash);
    const kept = keepRunning({ name: "it", start, say, limits: { ...limits, healthyMs: 0 } });
    const waits = (await all).map((words) => /restarting it in ([\d.]+) s/.exec(words)?.[1]);
    expect(waits).toEqual(["0.001", "0.001", "0.001"]);
    await kept.stop();
  });

  test("gives up after repeated early exits", async () => {
    const { start, started } = children(crash, crash, crash);
    const soon = { ...limits, soonMs: 1_000_000 };
    const kept = keepRunning({ name: "it", start, say: () => {}, limits: soon });
    const { words } = await kept.gaveUp;
    expect(words).toMatch(/^it ended \(signal SIGSEGV\) soon after its start, 3 times in a row/);
    expect(words).toContain("its last lines:\n  one\n  two");
    expect(started()).toBe(3);
    await kept.stop();
  });

  test.each([
    { name: "that is not restarted", options: { isRestarted: false }, end: crash },
    {
      name: "that exits with status 0 on request",
      options: { mayEndCleanly: true },
      end: { isClean: true, words: "exit status 0" },
    },
  ])("does not start a process again $name", async ({ options, end }) => {
    const { start, started } = children(end);
    const kept = keepRunning({ name: "it", start, say: () => {}, limits, ...options });
    expect((await kept.gaveUp).words).toContain(`it ended (${end.words}); its last lines:`);
    expect(started()).toBe(1);
    await kept.stop();
  });

  test("starts nothing once the signal is aborted", async () => {
    const { start, started } = children(crash);
    const ending = new AbortController();
    const options = { say: () => ending.abort(), limits: { ...limits, firstDelayMs: 1_000_000 } };
    const slow = { ...options.limits, maxDelayMs: 1_000_000 };
    const kept = keepRunning({
      name: "it",
      start,
      ...options,
      limits: slow,
      signal: ending.signal,
    });
    await kept.stop();
    expect(started()).toBe(1);
  });

  test.each([
    { name: "the first", failing: [1], count: 1 },
    { name: "a later", failing: [2, 3], count: 3 },
  ])("retries if $name start throws, and stops", async ({ failing, count }) => {
    const { say, all } = saying(count);
    const { start } = children(crash);
    let calls = 0;
    const kept = keepRunning({
      name: "it",
      start() {
        calls += 1;
        if (failing.includes(calls)) throw new Error("ENOSPC: no space left on device");
        return start();
      },
      say,
      limits,
    });
    expect((await all).join("\n")).toContain(
      "it ended (it can't be started: ENOSPC: no space left on device); restarting it in",
    );
    await expect(kept.stop()).resolves.toBeUndefined();
  });

  test("gives up if each start throws", async () => {
    const start = () => {
      throw new Error("ENOSPC");
    };
    const soon = { ...limits, soonMs: 1_000_000 };
    const kept = keepRunning({ name: "it", start, say: () => {}, limits: soon });
    expect((await kept.gaveUp).words).toContain("can't be started: ENOSPC) soon after its start");
    await expect(kept.stop()).resolves.toBeUndefined();
  });
});
