import { describe, expect, test } from "@jest/globals";
import { comparing, event, numbers, sketch, stream } from "./compared-answers.ts";

const tool = {
  type: "function",
  function: {
    name: "get_weather",
    parameters: { type: "object", required: ["city"], properties: { city: { type: "string" } } },
  },
};
const calling = (args: string) =>
  event({ tool_calls: [{ index: 0, function: { name: "get_weather", arguments: args } }] }) +
  event({}, { finish_reason: "tool_calls" });

describe.each([numbers, sketch])("log probabilities in mode `$mode`", (settings) => {
  const logprobs = { content: [{ token: "a", logprob: -2, top_logprobs: [] }] };
  const answer = event({ content: "a" }, { logprobs, finish_reason: "stop" });

  test.each([
    { keepsLogprobs: true, ppl: 7.389 },
    { keepsLogprobs: false, ppl: null },
  ])("are looked at only if the policy says so: $keepsLogprobs", ({ keepsLogprobs, ppl }) => {
    const is = comparing();
    const comparison = is.begin({}, 1, { ...settings, keepsLogprobs });
    is.answer(comparison, undefined, answer);
    is.answer(comparison, "mirror-0", answer);
    is.work();
    expect(comparison.outcomeOf("mirror-0")).toMatchObject({ primary: { ppl }, shadow: { ppl } });
  });
});

describe("answers compared in mode `sketch`", () => {
  const found = (primary: string, shadow: string, request = {}) => {
    const is = comparing();
    const comparison = is.begin(request, 1, sketch);
    is.answer(comparison, undefined, primary);
    is.answer(comparison, "mirror-0", shadow);
    is.work();
    expect(is.desk.comparedBytes).toBe(0);
    return comparison.outcomeOf("mirror-0");
  };

  test("are the same, or differ from a place on", () => {
    const start = "The answer is the same up to this place, ";
    expect(found(stream(`${start}one`), stream(`${start}one`))).toMatchObject({
      agreement: { exact: 1, lcp: 44, lcpShare: 1, sim: 1, why: null },
    });
    const other = found(stream(`${start}one`), stream(`${start}two`));
    expect(other).toMatchObject({ agreement: { exact: 0, lcp: 32, why: null } });
    expect(other?.agreement.sim).toBeGreaterThan(0.7);
    expect(other?.agreement.sim).toBeLessThan(1);
  });

  test("are known to be refusals, JSON, bad tool calls and in which script", () => {
    expect(found(stream("Hello."), stream("I'm sorry, but I can't do that."))).toMatchObject({
      ...{ primary: { refusal: 0 }, shadow: { refusal: 1 } },
    });
    const format = { response_format: { type: "json_object" } };
    expect(found(stream('{"a":1}'), stream("{"), format)).toMatchObject({
      ...{ primary: { json: "valid" }, shadow: { json: "invalid" } },
    });
    expect(found(calling('{"city":"Rome"}'), calling("{}"), { tools: [tool] })).toMatchObject({
      ...{ primary: { toolBad: 0, calls: 1 }, shadow: { toolBad: 1, calls: 1 } },
      agreement: { tool: "same_names", toolF1: 0 },
    });
    expect(
      found(stream("This is a sentence in English."), stream("Это предложение на русском языке.")),
    ).toMatchObject({ primary: { script: "Latin" }, shadow: { script: "Cyrillic" } });
  });

  test("leave less than 1 KiB in memory from their end on, whatever their length", () => {
    const is = comparing();
    const comparison = is.begin({}, 1, sketch);
    is.answer(comparison, undefined, stream("some words ".repeat(5_000)));
    is.work();
    expect(is.desk.comparedBytes).toBeGreaterThan(0);
    expect(is.desk.comparedBytes).toBeLessThan(1_024);
    comparison.close();
    is.work();
    expect(is.desk.comparedBytes).toBe(0);
  });

  test("take time at their end too, which counts as time spent", () => {
    let [clock, spentMs] = [0, 0];
    const is = comparing(
      {
        of: () => ({ isCompared: true, hasSimilarity: true }),
        spent: (ms) => {
          spentMs += ms;
        },
      },
      () => ++clock,
    );
    const leg = is.open(is.begin({}, 1, sketch), undefined);
    is.write(leg, stream("some words"));
    const before = spentMs;
    is.end(leg);
    is.work();
    expect(spentMs).toBeGreaterThan(before);
  });

  test("are not compared after an error at their end, and no other answer is lost", () => {
    const is = comparing();
    const broken = { ...sketch, refusalPhrases: [7 as unknown as string] };
    const comparison = is.begin({}, 1, broken);
    is.answer(comparison, undefined, stream("an answer"));
    is.answer(comparison, "mirror-0", stream("an answer"));
    is.work();
    expect(comparison.outcomeOf("mirror-0")).toMatchObject({ agreement: { why: "other" } });
    expect(found(stream("one"), stream("one"))).toMatchObject({ agreement: { exact: 1 } });
  });

  test("leave memory as it was after 2,000 pairs, some of which never end", () => {
    const is = comparing();
    for (let i = 0; i < 2_000; i++) {
      const comparison = is.begin({ tools: [tool] }, 1, sketch);
      is.answer(comparison, undefined, stream("an answer of some words"));
      if (i % 3 !== 0) is.answer(comparison, "mirror-0", stream("another answer of some words"));
      is.work();
      comparison.close();
    }
    is.work();
    expect(is.desk.comparedBytes).toBe(0);
    expect(is.desk.comparisons).toBe(0);
  });
});

describe("what is held of a streaming answer", () => {
  const text = "some words ".repeat(5_000);
  const heldIn = (begin: (is: ReturnType<typeof comparing>) => number) => {
    const is = comparing();
    const leg = begin(is);
    for (let i = 0; i < 20; i++) is.write(leg, event({ content: text.slice(0, 2_750) }));
    return is.desk.comparedBytes;
  };

  test("is its text in mode `numbers`", () => {
    const held = heldIn((is) => is.open(is.begin({}, 1, numbers), undefined));
    expect(held).toBeGreaterThanOrEqual(55_000);
  });

  test("is at most 8 KiB in mode `sketch`", () => {
    const held = heldIn((is) => is.open(is.begin({}, 1, sketch), undefined));
    expect(held).toBeGreaterThan(0);
    expect(held).toBeLessThanOrEqual(8_192);
  });

  test("is nothing in mode `off`: no chunk is copied", () => {
    expect(heldIn((is) => is.openUncompared(undefined))).toBe(0);
  });
});
