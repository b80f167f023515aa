import { gzipSync } from "node:zlib";
import { describe, expect, test } from "@jest/globals";
import { type AnswerForm, type AnswerMeasures, createFormReader } from "@umbra/openai/answers";
import type { Lane } from "@umbra/shadow";
import fc from "fast-check";
import { type AnswerDeskOptions, createAnswerDesk } from "../src/answers/answer-desk.ts";
import { RingWriter, recordKind } from "../src/answers/byte-ring.ts";
import { createInbox, maxLegs } from "../src/answers/inbox.ts";
import { formNumber, formOf } from "../src/answers/reader-messages.ts";
import { createWorkShare } from "../src/answers/work-share.ts";

const sse: AnswerForm = { isStream: true, coding: "identity" };
const event = (content: string) =>
  `data: ${JSON.stringify({ id: "c", choices: [{ delta: { content } }] })}\n\n`;

function setup(options: Partial<AnswerDeskOptions> = {}) {
  const inbox = createInbox();
  const clock = { ms: 0 };
  const ended = new Map<number, AnswerMeasures>();
  const order: number[] = [];
  const givenUp: number[] = [];
  const desk = createAnswerDesk({
    inbox,
    shadowShare: createWorkShare(0.25, 100),
    now: () => clock.ms,
    onRead(read) {
      for (const { leg, measures } of read.ended) {
        ended.set(leg, measures);
        order.push(leg);
      }
      givenUp.push(...read.givenUp);
    },
    ...options,
  });
  const writers = {
    primary: new RingWriter(inbox.rings.primary, maxLegs),
    shadow: new RingWriter(inbox.rings.shadow, maxLegs),
  };
  const lane = (of: Lane) => ({
    open: (leg: number, form = sse) => writers[of].write(leg, recordKind.open, formNumber(form)),
    data: (leg: number, atMs: number, bytes: string | Uint8Array) =>
      writers[of].write(leg, recordKind.data, atMs, Buffer.from(bytes)),
    end: (leg: number) => writers[of].write(leg, recordKind.end, 0),
  });
  const workAll = () => {
    while (desk.work());
  };
  return {
    ...{ clock, desk, ended, order, givenUp, workAll },
    primary: lane("primary"),
    shadow: lane("shadow"),
  };
}

describe("the desk that reads answers", () => {
  test.each([
    { isStream: true, coding: "identity" },
    { isStream: false, coding: "identity" },
    { isStream: true, coding: "gzip" },
    { isStream: false, coding: "gzip" },
    { isStream: true, coding: "deflate" },
    { isStream: false, coding: "deflate" },
  ] as const)("gets the form of an answer as a number: $coding $isStream", (form) => {
    expect(formOf(formNumber(form))).toEqual(form);
  });

  test("gives the same results for concurrent answers as for each alone", () => {
    const leg = fc.record({
      lane: fc.constantFrom<Lane>("primary", "shadow"),
      isZipped: fc.boolean(),
      texts: fc.array(fc.string({ maxLength: 20 }), { maxLength: 8 }),
      cut: fc.integer({ min: 1, max: 60 }),
      startMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
      gapMs: fc.double({ min: 0, max: 100, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(leg, { maxLength: 12 }), (legs) => {
        const is = setup();
        const queues = legs.map((each, number) => {
          const form: AnswerForm = { isStream: true, coding: each.isZipped ? "gzip" : "identity" };
          const text = `${each.texts.map(event).join("")}data: [DONE]\n\n`;
          const bytes = each.isZipped ? gzipSync(text) : Buffer.from(text);
          const alone = createFormReader(form);
          const lane = is[each.lane];
          lane.open(number, form);
          const pieces: (() => void)[] = [];
          for (let at = 0; at < bytes.length; at += each.cut) {
            const piece = bytes.subarray(at, at + each.cut);
            const atMs = each.startMs + (at / each.cut) * each.gapMs;
            alone.push(piece, atMs);
            pieces.push(() => expect(lane.data(number, atMs, piece)).toBe(true));
          }
          return { number, want: alone.end(), pieces, end: () => lane.end(number) };
        });
        // Interleaved, like streams of one connection.
        while (queues.some(({ pieces }) => pieces.length > 0)) {
          for (const { pieces } of queues) pieces.shift()?.();
          if (is.ended.size === 0) is.desk.work();
        }
        for (const { end } of queues) expect(end()).toBe(true);
        is.workAll();
        for (const { number, want } of queues) expect(is.ended.get(number)).toEqual(want);
        expect([is.ended.size, is.desk.isWaiting, is.givenUp]).toEqual([legs.length, false, []]);
      }),
      { numRuns: 60 },
    );
  });

  test("reads the primary's answers before a flood of the shadow's", () => {
    const is = setup();
    is.shadow.open(1);
    while (is.shadow.data(1, 0, event("flood").repeat(200)));
    is.shadow.end(1);
    is.primary.open(2);
    is.primary.data(2, 0, event("a"));
    is.primary.end(2);
    expect(is.desk.work()).toBe(true);
    expect(is.order).toEqual([2]);
    is.workAll();
    expect(is.order).toEqual([2, 1]);
  });

  test("reads only the primary's answers when the shadow's time budget is used up", () => {
    const clock = { ms: 0 };
    const shadowShare = createWorkShare(0.25, 100);
    const is = setup({ shadowShare, now: () => clock.ms });
    shadowShare.hasRoom(0);
    for (let i = 0; i < 4; i++) shadowShare.spent(50);
    is.shadow.open(1);
    is.shadow.end(1);
    is.primary.open(2);
    is.primary.end(2);
    is.workAll();
    expect([is.order, is.desk.isWaiting]).toEqual([[2], true]);
    clock.ms = 1_000;
    is.workAll();
    expect([is.order, is.desk.isWaiting]).toEqual([[2, 1], false]);
  });

  test("reads the primary's new records between two pieces of the shadow's", () => {
    const is = setup();
    is.shadow.open(1);
    is.shadow.end(1);
    is.desk.work();
    is.primary.open(2);
    is.primary.end(2);
    is.desk.work();
    expect(is.order).toEqual([2, 1]);
  });

  test("spends a quarter of its time on slow pieces of the shadow's answers", () => {
    let [ms, spentMs] = [0, 0];
    // Each piece takes 400 ms: the clock is read before and after it.
    let isPiece = false;
    const share = createWorkShare(0.25, 100, 2_000);
    const is = setup({
      now() {
        if (isPiece) ms += 400;
        return ms;
      },
      shadowShare: {
        hasRoom(nowMs) {
          isPiece = share.hasRoom(nowMs);
          return isPiece;
        },
        spent(took) {
          isPiece = false;
          spentMs += took;
          share.spent(took);
        },
      },
    });
    is.shadow.open(1);
    for (let i = 0; i < 10_000; i++) is.shadow.data(1, 0, event("a"));
    while (ms < 100_000) if (!is.desk.work()) ms += 5;
    expect(spentMs / ms).toBeGreaterThan(0.2);
    expect(spentMs / ms).toBeLessThan(0.27);
  });

  test("gives up only the leg whose unfinished line exceeds its lane's limit", () => {
    const is = setup({ maxHeldBytes: 100_000 });
    for (const leg of [1, 2]) is.shadow.open(leg);
    is.primary.open(3);
    const endless = Buffer.alloc(10_000, "d");
    for (let i = 0; i < 20; i++) is.shadow.data(1, 0, endless);
    is.shadow.data(2, 5, event("a"));
    for (let i = 0; i < 5; i++) is.primary.data(3, 0, endless);
    is.workAll();
    expect(is.givenUp).toEqual([1]);
    for (const leg of [1, 2]) is.shadow.end(leg);
    is.primary.end(3);
    is.workAll();
    expect([1, 2, 3].map((leg) => is.ended.get(leg)?.isGivenUp)).toEqual([true, false, false]);
    expect(is.ended.get(2)).toMatchObject({ firstTokenAt: 5, tokenEvents: 1 });
  });

  test.each([
    { name: "a line", form: sse },
    { name: "a body", form: { isStream: false, coding: "identity" } as const },
  ])("counts the memory of $name in single bytes", ({ form }) => {
    const is = setup({ maxHeldBytes: 32 * 1024 });
    is.shadow.open(1, form);
    for (let i = 0; i < 40_000; i++) {
      is.shadow.data(1, 0, "d");
      if (i % 100 === 0) is.workAll();
    }
    is.workAll();
    expect(is.givenUp).toEqual([1]);
  });

  test("gives up a compression bomb and reports its measurements so far", () => {
    const is = setup();
    const bomb = gzipSync(Buffer.concat([Buffer.from(event("a")), Buffer.alloc(2 ** 26, "\n")]));
    is.shadow.open(1, { isStream: true, coding: "gzip" });
    for (let at = 0; at < bomb.length; at += 2_048) {
      is.shadow.data(1, 7, bomb.subarray(at, at + 2_048));
    }
    is.workAll();
    expect(is.givenUp).toEqual([1]);
    is.shadow.end(1);
    is.workAll();
    expect(is.ended.get(1)).toMatchObject({ isGivenUp: true, firstTokenAt: 7, isMalformed: false });
  });
});
