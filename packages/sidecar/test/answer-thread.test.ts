import { EventEmitter } from "node:events";
import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, test } from "@jest/globals";
import {
  type AnswerForm,
  type AnswerMeasures,
  createFormReader,
  unreadAnswer,
} from "@umbra/openai/answers";
import type { Lane } from "@umbra/shadow";
import {
  type AnswerThread,
  type AnswerThreadOptions,
  startAnswerThread,
  startWorker,
} from "../src/answers/answer-thread.ts";
import { createInbox, turnsWord } from "../src/answers/inbox.ts";
import { numbers } from "./compared-answers.ts";
import { until } from "./until.ts";

const sse: AnswerForm = { isStream: true, coding: "identity" };
const json: AnswerForm = { isStream: false, coding: "identity" };
const event = (content: string) =>
  Buffer.from(`data: ${JSON.stringify({ id: "c", choices: [{ delta: { content } }] })}\n\n`);

let started: AnswerThread | undefined;
afterEach(async () => {
  await started?.close();
  started = undefined;
});

/** Starts a turn that never ends. */
const hanging = `Atomics.add(require("node:worker_threads").workerData, ${turnsWord}, 1); for (;;);`;
const workers: Worker[] = [];

function setup(options: Partial<AnswerThreadOptions> = {}) {
  workers.length = 0;
  const unread: Lane[] = [];
  const ends: unknown[] = [];
  const faults: unknown[] = [];
  const thread = startAnswerThread({
    onUnread: (lane) => unread.push(lane),
    onEnd: (cause) => ends.push(cause),
    onFault: (cause) => faults.push(cause),
    start(inbox) {
      const worker = startWorker(inbox);
      workers.push(worker);
      return worker;
    },
    restartMs: 10,
    ...options,
  });
  started = thread;
  const read = (form: AnswerForm, lane: Lane, pieces: readonly Uint8Array[], atMs = 5) =>
    new Promise<AnswerMeasures>((resolve) => {
      const reading = thread.read(form, lane);
      for (const piece of pieces) reading.push(piece, atMs);
      reading.end(resolve);
    });
  return { thread, read, unread, ends, faults };
}

describe("the thread that reads answers", () => {
  test("gives the same results as this thread, for pieces of any size, with their arrival times", async () => {
    const { thread, unread } = setup();
    const text = Buffer.concat(Array.from({ length: 20_000 }, (_, i) => event(`word ${i}`)));
    const here = createFormReader(sse);
    const there = thread.read(sse, "primary");
    let atMs = 1_000.125;
    let size = 1;
    for (let at = 0; at < text.length; at += size) {
      size = 1 + ((at * 7_919) % 40_000);
      atMs += 0.375;
      const piece = text.subarray(at, at + size);
      here.push(piece, atMs);
      expect(there.push(piece, atMs)).toBe(true);
    }
    const measures = await new Promise((resolve) => there.end(resolve));
    expect(measures).toEqual(here.end());
    expect(unread).toEqual([]);
  });

  test("is not affected by later changes to a chunk", async () => {
    const { thread } = setup();
    const reading = thread.read(sse, "primary");
    const chunk = Buffer.from(event("a"));
    reading.push(chunk, 3);
    chunk.fill(0);
    const measures = await new Promise((resolve) => reading.end(resolve));
    expect(measures).toMatchObject({ tokenEvents: 1, isMalformed: false, firstTokenAt: 3 });
  });

  test.each([
    { header: undefined, refusal: 0 },
    ...["", "0", "False", " no ", "none"].map((header) => ({ header, refusal: 0 })),
    ...["1", "true", "blocked"].map((header) => ({ header, refusal: 1 })),
  ])("finds a refusal by the header that the policy names: $header", async (row) => {
    const { thread } = setup();
    const request = Buffer.from('{"messages":[]}');
    const compared = thread.compare({
      ...{ body: () => ({ json: request, ruleBytes: 0 }), mirrors: ["m"] },
      settings: { ...numbers, refusalHeader: "x-guard" },
    });
    const answer = async (mirror: string | undefined, headers: ReadonlyMap<string, string>) => {
      compared.takeHeaders(mirror, headers);
      const reading = compared.readerOf(mirror)(sse, mirror === undefined ? "primary" : "shadow");
      reading.push(event("a"), 5);
      await new Promise((resolve) => reading.end(resolve));
    };
    const { header, refusal } = row;
    await answer(undefined, new Map());
    await answer("m", new Map(header === undefined ? [] : [["x-guard", header]]));
    expect(compared.comparison.outcomeOf("m")).toMatchObject({
      primary: { refusal: 0 },
      shadow: { refusal },
    });
  });

  test("copies a request for its comparison after the work that the pick is part of", async () => {
    const { thread } = setup();
    let copies = 0;
    const body = () => {
      copies++;
      return { json: Buffer.from("{}"), ruleBytes: 0 };
    };
    const reading = thread.compare({ body, mirrors: ["m"], settings: numbers });
    expect(copies).toBe(0);
    await new Promise(setImmediate);
    expect(copies).toBe(1);
    reading.comparison.close();
    expect(copies).toBe(1);
  });

  test("reports an error in a request's copy, and compares nothing of it", () => {
    const { thread, faults } = setup();
    const cause = new Error("of the copy");
    const body = () => {
      throw cause;
    };
    const reading = thread.compare({ body, mirrors: ["m"], settings: numbers });
    expect(reading.comparison.outcomeOf("m")?.agreement.why).toBe("other");
    expect(faults).toEqual([cause]);
  });

  test("reports an answer without bytes without using the thread", () => {
    const { thread } = setup();
    const found: AnswerMeasures[] = [];
    thread.read(json, "primary").end((measures) => found.push(measures));
    expect(found).toEqual([createFormReader(json).end()]);
  });

  test("counts a JSON body above the limit without sending all of it", async () => {
    const { read, unread } = setup();
    const pieces = Array.from({ length: 30 }, () => Buffer.alloc(1024 * 1024, " "));
    expect(await read(json, "shadow", pieces)).toMatchObject({
      isWhole: true,
      isMalformed: false,
      isGivenUp: false,
    });
    expect(unread).toEqual([]);
  });

  test("drops only the shadow's legs if the shadow floods it", async () => {
    const { thread, read, unread } = setup();
    const flood = thread.read(sse, "shadow");
    const chunk = Buffer.alloc(1024 * 1024, event("flood"));
    const answers = Array.from({ length: 12 }, () => flood.push(chunk, 0));
    expect([answers[0], answers.at(-1), unread]).toEqual([true, false, ["shadow"]]);
    const primaries = await Promise.all(
      Array.from({ length: 50 }, () => read(sse, "primary", [event("a"), event("b")])),
    );
    expect(primaries.map(({ tokenEvents }) => tokenEvents)).toEqual(Array(50).fill(2));
    const measures = await new Promise<AnswerMeasures>((resolve) => flood.end(resolve));
    expect(measures).toMatchObject({ isGivenUp: true, firstTokenAt: 0 });
    expect(unread).toEqual(["shadow"]);
  });

  test("never blocks the caller: refuses 64 MiB of a flood faster than it could read them", () => {
    const { thread } = setup();
    const chunk = Buffer.alloc(64 * 1024, event("flood"));
    const here = createFormReader(sse);
    const readFromMs = performance.now();
    for (let i = 0; i < 128; i++) here.push(chunk, 0);
    const readMs = 8 * (performance.now() - readFromMs);
    const startedMs = performance.now();
    for (let i = 0; i < 1_024; i++) thread.read(sse, "shadow").push(chunk, 0);
    expect(performance.now() - startedMs).toBeLessThan(readMs);
  });

  test("accepts the shadow's legs again after it caught up", async () => {
    const { thread, read } = setup();
    const flood = thread.read(sse, "shadow");
    while (flood.push(Buffer.alloc(65_536, ":\n"), 0));
    await new Promise<AnswerMeasures>((resolve) => flood.end(resolve));
    expect(await read(sse, "shadow", [event("a")])).toMatchObject({ tokenEvents: 1 });
  });

  test("reports that no more data of a given-up leg is wanted", async () => {
    const { thread, unread } = setup();
    const reading = thread.read(sse, "primary");
    for (let i = 0; i < 40; i++) reading.push(Buffer.alloc(65_536, ":\n"), 0);
    await until(async () => unread.length > 0);
    expect([reading.push(event("a"), 0), unread]).toEqual([false, ["primary"]]);
  });

  test("after it died, drops running legs, restarts and reads again", async () => {
    const { thread, read, unread, ends } = setup();
    await read(sse, "primary", [event("a")]);
    const open = thread.read(sse, "primary");
    open.push(event("a"), 0);
    const ended = thread.read(sse, "shadow");
    ended.push(event("a"), 0);
    await workers[0]?.terminate();
    const lost = await new Promise<AnswerMeasures>((resolve) => ended.end(resolve));
    expect(lost).toMatchObject({ isGivenUp: true });
    expect([open.push(event("b"), 0), ends.length]).toEqual([false, 1]);
    expect(unread.toSorted()).toEqual(["primary", "shadow"]);
    await until(async () => workers.length === 2);
    expect(await read(sse, "primary", [event("a")])).toMatchObject({ tokenEvents: 1 });
  });

  test("retries later if it can't be started", async () => {
    let starts = 0;
    const { read, ends } = setup({
      start(inbox) {
        starts++;
        if (starts > 1 && starts < 4) throw new Error("no room for a thread");
        const worker = startWorker(inbox);
        workers.push(worker);
        return worker;
      },
    });
    await workers[0]?.terminate();
    await until(async () => workers.length === 2);
    expect([starts, ends.map(String)]).toEqual([
      4,
      ["it has exited", "Error: no room for a thread", "Error: no room for a thread"],
    ]);
    expect(await read(sse, "primary", [event("a")])).toMatchObject({ tokenEvents: 1 });
  });

  test("closes if it exits while results are pending", async () => {
    const worker = Object.assign(new EventEmitter(), {
      unref() {},
      terminate: () => Promise.resolve(1),
    });
    const { thread } = setup({ start: () => worker as unknown as Worker });
    const reading = thread.read(sse, "primary");
    reading.push(event("a"), 0);
    const found: AnswerMeasures[] = [];
    reading.end((measures) => found.push(measures));
    const closed = thread.close();
    worker.emit("exit", 1);
    await closed;
    started = undefined;
    expect(found).toEqual([unreadAnswer]);
  });

  test("while it is not running, answers are not read and nothing is pending", async () => {
    const { read, unread } = setup({ restartMs: 60_000 });
    await workers[0]?.terminate();
    expect(await read(sse, "primary", [event("a")])).toMatchObject({ isGivenUp: true });
    expect(unread).toEqual(["primary"]);
  });

  test("has a time limit for its results", async () => {
    const { thread, unread } = setup({
      resultMs: 1,
      sweepMs: 10,
      // A thread that reads another inbox.
      start: () => startWorker(createInbox()),
    });
    const reading = thread.read(sse, "primary");
    reading.push(event("a"), 0);
    const measures = await new Promise<AnswerMeasures>((resolve) => reading.end(resolve));
    expect([measures.isGivenUp, unread]).toEqual([true, ["primary"]]);
  });

  test("is ended and restarted if it hangs", async () => {
    const { thread, read, unread, ends } = setup({
      sweepMs: 100,
      start(inbox) {
        const isFirst = workers.length === 0;
        const options = { eval: true, workerData: new Int32Array(inbox.control) };
        const worker = isFirst ? new Worker(hanging, options) : startWorker(inbox);
        workers.push(worker);
        return worker;
      },
    });
    const reading = thread.read(sse, "primary");
    reading.push(event("a"), 0);
    const measures = await new Promise<AnswerMeasures>((resolve) => reading.end(resolve));
    expect([measures.isGivenUp, unread, ends.length]).toEqual([true, ["primary"], 1]);
    await until(async () => workers.length === 2);
    expect(await read(sse, "primary", [event("a")])).toMatchObject({ tokenEvents: 1 });
  });

  test("reports an error in a receiver of one answer, without affecting others", async () => {
    const { thread, read, faults } = setup();
    const reading = thread.read(sse, "primary");
    reading.push(event("a"), 0);
    reading.end(() => {
      throw new Error("an observer's error");
    });
    expect(await read(sse, "primary", [event("a")])).toMatchObject({ tokenEvents: 1 });
    expect(faults.map(String)).toEqual(["Error: an observer's error"]);
  });

  test("reports its results before it closes", async () => {
    const { thread, read, ends } = setup();
    // On a busy machine, a thread takes longer to start than closing waits.
    await read(sse, "primary", [event("a")]);
    const found: AnswerMeasures[] = [];
    for (let i = 0; i < 100; i++) {
      const reading = thread.read(sse, "primary");
      reading.push(event("a"), 0);
      reading.end((measures) => found.push(measures));
    }
    await thread.close();
    expect(found.map(({ tokenEvents }) => tokenEvents)).toEqual(Array(100).fill(1));
    expect(ends).toEqual([]);
  });
});
