import { EventEmitter } from "node:events";
import { expect, test } from "@jest/globals";
import { containFaults } from "../src/process/contain-faults.ts";

function containing() {
  const from = new EventEmitter();
  const seen = { faults: 0, exits: [] as number[], errors: 0, fatal: 0 };
  const clock = { ms: 0 };
  const stop = containFaults(from, {
    log: { error: () => void seen.errors++, fatal: () => void seen.fatal++ } as never,
    onFault: () => void seen.faults++,
    exit: (code) => void seen.exits.push(code),
    now: () => clock.ms,
  });
  return { from, seen, clock, stop };
}

test.each(["uncaughtException", "unhandledRejection"])("%s is logged and counted", (event) => {
  const { from, seen } = containing();
  from.emit(event, new Error("a timer's"));
  expect(seen).toEqual({ faults: 1, exits: [], errors: 1, fatal: 0 });
});

test("the twenty-first fault within a minute ends the process; fewer faults never do", () => {
  const { from, seen, clock } = containing();
  for (let i = 0; i < 100; i++) {
    clock.ms += 3_001;
    from.emit("uncaughtException", new Error("sometimes"));
  }
  expect(seen.exits).toEqual([]);
  for (let i = 0; i < 20; i++) from.emit("uncaughtException", new Error("repeatedly"));
  expect([seen.exits[0], seen.fatal > 0]).toEqual([1, true]);
});

test("contains nothing after it was stopped", () => {
  const { from, stop } = containing();
  stop();
  expect(from.listenerCount("uncaughtException")).toBe(0);
  expect(from.listenerCount("unhandledRejection")).toBe(0);
});
