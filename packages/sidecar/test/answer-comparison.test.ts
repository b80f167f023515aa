import { describe, expect, test } from "@jest/globals";
import { skippedAgreement } from "@umbra/shadow";
import { testSize } from "../../../testing/test-size.ts";
import { recordKind } from "../src/answers/byte-ring.ts";
import { ComparisonLink } from "../src/answers/comparison-link.ts";
import { createComparisonRates } from "../src/answers/comparison-rates.ts";
import { TextPlaces } from "../src/answers/text-places.ts";
import { compared, comparing, event, numbers, stream } from "./compared-answers.ts";

const weather = {
  type: "function",
  function: {
    name: "get_weather",
    parameters: { type: "object", required: ["city"], properties: { city: { type: "string" } } },
  },
};
const calling = (args: string) =>
  event({ tool_calls: [{ index: 0, function: { name: "get_weather", arguments: args } }] }) +
  event({}, { finish_reason: "tool_calls" });

describe("the answers of a pair", () => {
  test("are compared once both have ended, whichever is first", () => {
    for (const order of [
      [undefined, "mirror-0"],
      ["mirror-0", undefined],
    ]) {
      const is = comparing();
      const comparison = is.begin({ temperature: 0 });
      for (const mirror of order) {
        is.answer(comparison, mirror, stream(mirror === undefined ? "one two" : "one six"));
      }
      is.work();
      expect(comparison.outcomeOf("mirror-0")).toMatchObject({
        request: { decode: "greedy", shape: "text", tools: 0, script: null },
        primary: { cut: false, refusal: 0, loop: 0, calls: 0 },
        shadow: { cut: false, refusal: 0 },
        agreement: { exact: 0, lcp: 4, lcpShare: 0.571, why: null },
      });
      expect(is.desk.comparedBytes).toBe(0);
    }
  });

  test("are known to be refusals, JSON, bad tool calls and in which script", () => {
    const refused = compared(stream("Hello."), stream("I'm sorry, but I can't do that."));
    expect(refused).toMatchObject({ primary: { refusal: 0 }, shadow: { refusal: 1 } });
    const format = { response_format: { type: "json_object" } };
    expect(compared(stream('{"a":1}'), stream("{"), format)).toMatchObject({
      ...{ primary: { json: "valid" }, shadow: { json: "invalid" } },
    });
    const called = compared(calling('{"city":"Rome"}'), calling("{}"), { tools: [weather] });
    expect(called).toMatchObject({
      request: { shape: "tools", tools: 1 },
      ...{ primary: { toolBad: 0, calls: 1 }, shadow: { toolBad: 1, calls: 1 } },
      agreement: { tool: "same_names", toolF1: 0 },
    });
    const messages = [{ role: "user", content: "Please answer in English, as always." }];
    const russian = "Это предложение на русском языке.";
    expect(
      compared(stream("This is a sentence in English."), stream(russian), { messages }),
    ).toMatchObject({
      request: { script: "Latin" },
      ...{ primary: { script: "Latin" }, shadow: { script: "Cyrillic" } },
    });
  });

  test("are refusals if their headers say so", () => {
    const is = comparing();
    const comparison = is.begin();
    is.answer(comparison, undefined, stream("one"));
    is.answer(comparison, "mirror-0", stream("one"), { isRefusal: true });
    is.work();
    expect(comparison.outcomeOf("mirror-0")).toMatchObject({
      ...{ primary: { refusal: 0 }, shadow: { refusal: 1 }, agreement: { exact: 1 } },
    });
  });

  test("are compared by settings of any length", () => {
    const is = comparing();
    const refusalPhrases = Array.from({ length: 64 }, (_, i) => `${i}${"ж".repeat(190)}`);
    const comparison = is.begin({}, 1, { ...numbers, refusalPhrases });
    is.answer(comparison, undefined, stream("one"));
    is.answer(comparison, "mirror-0", stream(refusalPhrases[63] ?? ""));
    is.work();
    expect(comparison.outcomeOf("mirror-0")).toMatchObject({
      ...{ primary: { refusal: 0 }, shadow: { refusal: 1 } },
    });
  });

  test("are compared with each twin of the request", () => {
    const is = comparing();
    const comparison = is.begin({}, 2);
    is.answer(comparison, "mirror-1", stream("one"));
    is.answer(comparison, undefined, stream("one"));
    is.answer(comparison, "mirror-0", stream("two"));
    is.work();
    expect(comparison.outcomeOf("mirror-0")?.agreement.exact).toBe(0);
    expect(comparison.outcomeOf("mirror-1")?.agreement.exact).toBe(1);
    expect(is.desk.comparedBytes).toBe(0);
  });

  test("are not compared if one has failed, and nothing of the other stays", () => {
    const is = comparing();
    const comparison = is.begin();
    is.answer(comparison, "mirror-0", stream("one"));
    is.answer(comparison, undefined, `data: ${JSON.stringify({ error: { message: "no" } })}\n\n`);
    is.work();
    expect(is.messages.flatMap(({ compared: found = [] }) => found)).toEqual([]);
    expect(is.desk.comparedBytes).toBe(0);
  });

  test("that contain audio are not compared, and the reason is known", () => {
    const found = compared(event({ audio: { data: "UklG" } }), stream("a"));
    expect(found).toEqual({
      request: expect.anything(),
      agreement: expect.objectContaining({ why: "media" }),
    });
  });

  test.each([
    { mirrorOfAnswer: "mirror-0", name: "the shadow's" },
    { mirrorOfAnswer: undefined, name: "the primary's" },
  ])("are not compared if $name can't be decoded", ({ mirrorOfAnswer }) => {
    const is = comparing();
    const comparison = is.begin();
    is.answer(comparison, mirrorOfAnswer === undefined ? "mirror-0" : undefined, stream("a"));
    is.work();
    expect(comparison.outcomeOf("mirror-0")?.agreement.why).toBe("encoding");
  });

  test("are compared for more mirrors with settings of their own than the reading thread keeps", () => {
    const is = comparing();
    const all = Array.from({ length: 100 }, (_, i) => ({ ...numbers, maxTextBytes: 1_000 + i }));
    const why = (settings: typeof numbers) => {
      const comparison = is.begin({}, 1, settings);
      is.answer(comparison, undefined, stream("a"));
      is.answer(comparison, "mirror-0", stream("a"));
      is.work();
      comparison.close();
      return comparison.outcomeOf("mirror-0")?.agreement.why;
    };
    expect([...all, ...all].map(why)).toEqual(Array.from({ length: 200 }, () => null));
  });

  test("are not looked at for a mirror that is not among them", () => {
    expect(comparing().begin().outcomeOf("mirror-7")).toBeUndefined();
  });
});

describe("memory of answers", () => {
  const pairs = testSize(3_000, 10_000);

  test(`is free again after ${pairs} pairs, some of which never end`, () => {
    const is = comparing();
    for (let i = 0; i < pairs; i++) {
      const comparison = is.begin({ tools: [weather] });
      is.answer(comparison, undefined, stream("an answer of some words"));
      if (i % 3 !== 0) is.answer(comparison, "mirror-0", stream("another answer of some words"));
      is.work();
      comparison.close();
    }
    is.work();
    expect(is.desk.comparedBytes).toBe(0);
    expect(is.desk.comparisons).toBe(0);
  }, 120_000);

  test("is bounded: the newest requests are given up, and older ones are compared", () => {
    const is = comparing();
    const settings = { ...numbers, maxHeldBytes: 300_000 };
    const all = Array.from({ length: 20 }, () => is.begin({}, 1, settings));
    const legs = all.map((comparison) => is.open(comparison, undefined));
    for (const leg of legs) is.write(leg, stream("word ".repeat(10_000)));
    expect(is.desk.comparedBytes).toBeLessThanOrEqual(300_000);
    for (const leg of legs) is.end(leg);
    for (const comparison of all) is.answer(comparison, "mirror-0", stream("word"));
    is.work();
    const whys = all.map((comparison) => comparison.outcomeOf("mirror-0")?.agreement.why);
    expect(whys[0]).toBeNull();
    expect(whys.at(-1)).toBe("memory");
    expect(is.desk.comparedBytes).toBe(0);
  });
});

describe("memory of several policies", () => {
  const [small, large] = [
    { ...numbers, maxHeldBytes: 150_000 },
    { ...numbers, maxHeldBytes: 1_000_000 },
  ];

  test("is bounded for each: one that holds too much takes nothing from another", () => {
    const is = comparing();
    const of = (settings: typeof numbers) =>
      Array.from({ length: 5 }, () => is.begin({}, 1, settings));
    const [larges, smalls] = [of(large), of(small)];
    const legs = [...larges, ...smalls].map((each) => is.open(each, undefined));
    for (const leg of legs) is.write(leg, stream("word ".repeat(10_000)));
    for (const leg of legs) is.end(leg);
    for (const each of [...larges, ...smalls]) is.answer(each, "mirror-0", stream("word"));
    is.work();
    const whys = (all: typeof larges) =>
      all.map((each) => each.outcomeOf("mirror-0")?.agreement.why);
    expect(whys(larges)).toEqual([null, null, null, null, null]);
    expect(whys(smalls)).toEqual([null, null, "memory", "memory", "memory"]);
  });

  test("is in all at most the largest limit", () => {
    const is = comparing();
    const all = Array.from({ length: 30 }, () => is.begin({}, 1, { ...large }));
    for (const leg of all.map((each) => is.open(each, undefined))) {
      is.write(leg, stream("word ".repeat(10_000)));
      expect(is.desk.comparedBytes).toBeLessThanOrEqual(1_000_000);
    }
    expect(is.desk.comparedBytes).toBeGreaterThan(500_000);
  });
});

describe("texts of a comparison whose end is never reported", () => {
  test("are dropped after some minutes, with no other request", () => {
    let nowMs = 0;
    const is = comparing(undefined, () => nowMs);
    is.answer(is.begin(), undefined, stream("a text"));
    is.work();
    expect(is.desk.comparedBytes).toBeGreaterThan(0);
    nowMs = 11 * 60_000;
    is.work();
    expect(is.desk.comparedBytes).toBeGreaterThan(0);
    nowMs = 12 * 60_000;
    is.work();
    expect(is.desk.comparedBytes).toBe(0);
    expect(is.desk.comparisons).toBe(0);
  });

  test("are dropped without a record when they are done", () => {
    const kinds: number[] = [];
    const link = new ComparisonLink((_, kind) => kinds.push(kind) > 0, new TextPlaces(0));
    const body = () => ({ json: Buffer.from("{}"), ruleBytes: 0 });
    const comparison = link.begin({ body, mirrors: ["mirror-0", "mirror-1"], settings: numbers });
    const result = JSON.stringify({ agreement: skippedAgreement("media") });
    for (const twin of [0, 1]) link.take([{ comparison: 1, twin, result }]);
    expect(comparison.outcomeOf("mirror-1")?.agreement.why).toBe("media");
    comparison.close();
    expect(kinds).not.toContain(recordKind.drop);
  });

  test("are dropped as soon as there is room to tell it again", () => {
    const written: (readonly [number: number, kind: number])[] = [];
    let hasRoom = true;
    const write = (number: number, kind: number) => {
      if (hasRoom) written.push([number, kind]);
      return hasRoom;
    };
    const link = new ComparisonLink(write, new TextPlaces(0));
    const body = () => ({ json: Buffer.from("{}"), ruleBytes: 0 });
    const comparison = link.begin({ body, mirrors: ["mirror-0"], settings: numbers });
    hasRoom = false;
    comparison.close();
    link.sweep();
    hasRoom = true;
    link.sweep();
    link.sweep();
    expect(written.filter(([, kind]) => kind === recordKind.drop)).toEqual([[1, recordKind.drop]]);
  });
});

describe("a comparison whose thread has ended", () => {
  test("says that there was no time, not that an encoding is unknown", () => {
    const link = new ComparisonLink(() => true, new TextPlaces(0));
    const body = () => ({ json: Buffer.from("{}"), ruleBytes: 0 });
    const comparison = link.begin({ body, mirrors: ["mirror-0"], settings: numbers });
    link.lose();
    expect(comparison.outcomeOf("mirror-0")?.agreement.why).toBe("time");
  });
});

describe("time for comparing", () => {
  const share = { share: 0.2, seed: 1 };

  test("is not limited while it is short", () => {
    let nowMs = 0;
    const rates = createComparisonRates({ ...share, now: () => nowMs });
    for (let i = 0; i < 1_000; i++) {
      nowMs += 100;
      expect(rates.of(i)).toEqual({ isCompared: true, hasSimilarity: true });
      rates.spent(15);
    }
  });

  test.each([
    { name: "similarity", cheapMs: 5, similarMs: 95 },
    { name: "everything else", cheapMs: 100, similarMs: 1 },
  ])("is at most a fifth of a core, if $name takes long", ({ cheapMs, similarMs }) => {
    let nowMs = 0;
    const rates = createComparisonRates({ ...share, now: () => nowMs });
    let [spentMs, similar] = [0, 0];
    for (let i = 0; i < 20_000; i++) {
      nowMs += 20;
      const { isCompared, hasSimilarity } = rates.of(i);
      const ms = (isCompared ? cheapMs : 0) + (hasSimilarity ? similarMs : 0);
      rates.spent(ms);
      if (i < 4_000) continue;
      spentMs += ms;
      similar += Number(hasSimilarity);
    }
    expect(spentMs / (16_000 * 20)).toBeLessThan(0.2);
    expect(similar).toBeGreaterThan(0);
  });

  test("leaves out the similarity of some pairs, and tells so by null", () => {
    const is = comparing({
      of: () => ({ isCompared: true, hasSimilarity: false }),
      spent: () => undefined,
    });
    const comparison = is.begin();
    is.answer(comparison, undefined, stream("a"));
    is.answer(comparison, "mirror-0", stream("b"));
    is.work();
    expect(comparison.outcomeOf("mirror-0")?.agreement).toMatchObject({
      sim: null,
      exact: 0,
      why: null,
    });
  });

  test("leaves out whole pairs, and tells so", () => {
    const is = comparing({
      of: () => ({ isCompared: false, hasSimilarity: false }),
      spent: () => undefined,
    });
    const comparison = is.begin();
    is.answer(comparison, undefined, stream("a"));
    is.answer(comparison, "mirror-0", stream("b"));
    is.work();
    expect(comparison.outcomeOf("mirror-0")?.agreement.why).toBe("time");
  });
});
