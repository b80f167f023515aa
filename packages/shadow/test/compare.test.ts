import { describe, expect, test } from "@jest/globals";
import {
  type Answer,
  checkSchema,
  compareAnswers,
  compareTexts,
  normalizeText,
  readComparedRequest,
  unknownRequest,
} from "@umbra/shadow/compare";
import fc from "fast-check";

/** Words, repeats and characters of any script, so that texts are partly the same. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom("the answer ", "is 42. ", "\n", "é", "天"),
      fc.string({ unit: "grapheme" }),
    ),
    {
      maxLength: 30,
    },
  )
  .map((parts) => parts.join(""));

const toolCall = fc.record({
  name: fc.constantFrom("search", "add"),
  arguments: fc.oneof(fc.json(), fc.constantFrom("", "{", '{"q":1}')),
});

const answer: fc.Arbitrary<Answer> = fc.record({
  text,
  toolCalls: fc.array(toolCall, { maxLength: 4 }),
  hasRefusal: fc.boolean(),
});

describe("agreement of any two answers", () => {
  test("does not depend on their order", () => {
    fc.assert(
      fc.property(answer, answer, (a, b) => {
        const there = compareAnswers(a, b).agreement;
        const back = compareAnswers(b, a).agreement;
        expect({ ...there, sim: 0 }).toEqual({ ...back, sim: 0 });
        expect(there.sim).toBeCloseTo(back.sim ?? Number.NaN, 12);
      }),
    );
  });

  test("is whole for an answer with itself, and its measures are within their ranges", () => {
    fc.assert(
      fc.property(answer, answer, (a, b) => {
        expect(compareAnswers(a, a).agreement).toMatchObject({ exact: 1, lcpShare: 1, sim: 1 });
        const { agreement, primary } = compareAnswers(a, b);
        for (const share of [
          agreement.sim ?? Number.NaN,
          agreement.lcpShare,
          agreement.toolF1 ?? 0,
          primary.rep4,
        ]) {
          expect(share).toBeGreaterThanOrEqual(0);
          expect(share).toBeLessThanOrEqual(1);
        }
        expect(agreement.lcp).toBeLessThanOrEqual(primary.chars);
      }),
    );
  });

  test("is not changed by reasoning, line ends or composition of characters", () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        const other = `<think>hm</think>\n${a.normalize("NFD").replaceAll("\n", "\r\n")} `;
        expect(compareTexts(other, b)).toEqual(compareTexts(a, b));
      }),
    );
  });
});

describe("normalized text", () => {
  test.each([
    { given: "<think>a</think> b", want: "b" },
    { given: " \n<think>a\n</think>\n\nb\r", want: "b" },
    { given: "<think>never closed", want: "<think>never closed" },
    { given: "b <think>a</think>", want: "b <think>a</think>" },
  ])("of $given", ({ given, want }) => {
    expect(normalizeText(given)).toBe(want);
  });

  test("keeps reasoning where that is asked for", () => {
    expect(normalizeText("<think>a</think>b", { stripsReasoning: false })).toBe(
      "<think>a</think>b",
    );
  });
});

describe("a request", () => {
  const tool = { type: "function", function: { name: "f", parameters: { type: "object" } } };

  test.each([
    { body: { temperature: 0 }, want: { decode: "greedy", shape: "text", script: null } },
    { body: { top_k: 1, temperature: 1 }, want: { decode: "greedy" } },
    { body: { temperature: 0.7, seed: 1 }, want: { decode: "seeded" } },
    { body: { seed: 1 }, want: { decode: "sampled" } },
    { body: { response_format: { type: "json_object" } }, want: { shape: "json" } },
    {
      body: {
        response_format: { type: "json_schema", json_schema: { schema: { type: "array" } } },
      },
      want: { shape: "json", schema: { type: "array" } },
    },
    {
      body: { guided_json: { type: "object" } },
      want: { shape: "json", schema: { type: "object" } },
    },
    {
      body: { tools: [tool], response_format: { type: "json_object" } },
      want: {
        shape: "tools",
        tools: new Map([["f", { name: "f", parameters: { type: "object" } }]]),
      },
    },
    {
      body: { tools: [{ name: "g", input_schema: { type: "object" } }] },
      want: {
        shape: "tools",
        tools: new Map([["g", { name: "g", parameters: { type: "object" } }]]),
      },
    },
    {
      body: {
        messages: [
          { role: "user", content: [{ type: "text", text: "Это предложение на русском языке." }] },
          { role: "assistant", content: "An answer in English, long enough to tell." },
        ],
      },
      want: { script: "Cyrillic" },
    },
  ])("is read from $body", ({ body, want }) => {
    expect(readComparedRequest(body)).toMatchObject(want);
  });
});

describe("a schema", () => {
  const recursive = {
    $defs: {
      node: { type: "object", properties: { next: { $ref: "#/$defs/node" } }, required: ["v"] },
    },
    $ref: "#/$defs/node",
  };

  test.each([
    { schema: { type: ["string", "null"] }, value: null, want: "kept" },
    { schema: { type: "integer" }, value: 1.5, want: "wrong_type" },
    { schema: { const: { a: [1] } }, value: { a: [1.0] }, want: "kept" },
    { schema: { enum: ["a", 1] }, value: "b", want: "not_in_enum" },
    { schema: { items: { minimum: 3 } }, value: [3, 2], want: "out_of_range" },
    { schema: { exclusiveMaximum: 3 }, value: 3, want: "out_of_range" },
    { schema: { maxLength: 1 }, value: "🚀", want: "kept" },
    { schema: { anyOf: [{ type: "string" }, { type: "null" }] }, value: 1, want: "wrong_type" },
    { schema: { oneOf: [{ type: "number" }, { minimum: 0 }] }, value: 1, want: "out_of_range" },
    { schema: { properties: { a: false } }, value: { a: 1 }, want: "out_of_range" },
    { schema: { additionalProperties: { type: "string" } }, value: { a: 1 }, want: "wrong_type" },
    { schema: { required: ["toString"] }, value: {}, want: "missing" },
    { schema: { pattern: "^[a-z]+\\s?\\d{2}$" }, value: "ab 12", want: "kept" },
    { schema: { pattern: "^.$" }, value: "\r", want: "out_of_range" },
    { schema: { pattern: "^[\\s[:x]+$" }, value: "\u00a0[:x", want: "kept" },
    { schema: recursive, value: { v: 1, next: { v: 2, next: {} } }, want: "missing" },
    { schema: recursive, value: { v: 1, next: { v: 2 } }, want: "kept" },
    // A rule that is broken is broken whatever the rules are that are not known.
    { schema: { type: "string", uniqueItems: true }, value: 1, want: "wrong_type" },
  ])("$schema says $want of $value", ({ schema, value, want }) => {
    const checked = checkSchema(value, schema);
    expect(checked.state === "broken" ? checked.fault : checked.state).toBe(want);
  });

  test.each([
    { why: "a rule that is not known", schema: { uniqueItems: true }, value: [1] },
    { why: "a reference to itself", schema: { $ref: "#" }, value: 1 },
    {
      why: "references in a circle",
      schema: { $defs: { a: { $ref: "#/$defs/b" }, b: { $ref: "#/$defs/a" } }, $ref: "#/$defs/a" },
      value: 1,
    },
    { why: "a reference out of the schema", schema: { $ref: "https://example.com/s" }, value: 1 },
    { why: "look-around in a pattern", schema: { pattern: "^(?=a)" }, value: "b" },
    { why: "a back reference in a pattern", schema: { pattern: "(a)\\1" }, value: "b" },
    { why: "what is no pattern", schema: { pattern: "(" }, value: "b" },
    { why: "a pattern that grows", schema: { pattern: "(a{1000}){1000}" }, value: "b" },
    {
      why: "names by pattern",
      schema: { additionalProperties: false, patternProperties: {} },
      value: { a: 1 },
    },
    { why: "elements by place", schema: { items: false, prefixItems: [true] }, value: [1] },
    { why: "what is no schema", schema: "string", value: 1 },
  ])("can't check $why", ({ schema, value }) => {
    expect(checkSchema(value, schema).state).toBe("unchecked");
  });
});

describe("an answer checked on its own", () => {
  const json = { ...unknownRequest, shape: "json", schema: { required: ["a"] } } as const;

  test.each([
    { text: '{"a":1}', want: { json: "valid", schema: "kept" } },
    { text: "[]", want: { json: "valid", schema: "kept" } },
    { text: "{}", want: { json: "valid", schema: "broken" } },
    { text: '```json\n{"a":1}\n```', want: { json: "fenced", schema: null } },
    { text: '{"a":', want: { json: "invalid", schema: null } },
  ])("$text", ({ text: given, want }) => {
    expect(compareAnswers({ text: given }, { text: "" }, json).primary).toMatchObject(want);
  });

  test("does not judge the JSON of an answer that was cut", () => {
    const cut = { text: '{"a":', isCut: true };
    const want = { cut: true, json: null, schema: null };
    expect(compareAnswers(cut, cut, json).primary).toMatchObject(want);
  });

  test.each<{ name: string; first: Answer; second: Answer; want: 0 | 1 | null }>([
    {
      name: "the same start, and no more is known",
      ...{ first: { text: "one two", isCut: true }, second: { text: "one two", isCut: true } },
      want: null,
    },
    {
      name: "a start, and an answer that is longer",
      ...{ first: { text: "one tw", isCut: true }, second: { text: "one two three" } },
      want: null,
    },
    {
      name: "a start that is longer than the other answer",
      ...{ first: { text: "one two", isCut: true }, second: { text: "one" } },
      want: 0,
    },
    {
      name: "starts that differ",
      ...{ first: { text: "one two", isCut: true }, second: { text: "six two three" } },
      want: 0,
    },
    {
      name: "the same start and the same rest",
      first: { text: "one", isCut: true, rest: "a" },
      second: { text: "one", isCut: true, rest: "a" },
      want: 1,
    },
    {
      name: "the same start and another rest",
      first: { text: "one", isCut: true, rest: "a" },
      second: { text: "one", isCut: true, rest: "b" },
      want: 0,
    },
  ])("knows of $name whether they are the same: $want", ({ first, second, want }) => {
    expect(compareAnswers(first, second).agreement.exact).toBe(want);
    expect(compareAnswers(second, first).agreement.exact).toBe(want);
  });

  test("reports differences that are only at the ends of long answers", () => {
    const long = "ab ".repeat(40_000);
    const { agreement, primary } = compareAnswers({ text: `${long}x` }, { text: `${long}y` });
    expect(agreement).toMatchObject({ exact: 0, sim: 1, lcpShare: 1 });
    expect(primary).toMatchObject({ cut: true, chars: 65_536 });
  });

  test("removes long reasoning before it looks at the start of a text", () => {
    const thought = (text: string) => `<think>${text.repeat(20_000)}</think>42`;
    const { agreement, primary } = compareAnswers(
      { text: thought("hm ") },
      { text: thought("what ") },
    );
    expect(agreement).toMatchObject({ exact: 1, lcp: 2, sim: 1 });
    expect(primary).toMatchObject({ cut: false, chars: 2, loop: 0 });
  });

  test("reports differences that are only in calls after the first thousand", () => {
    const calls = (last: string): Answer => ({
      text: "",
      toolCalls: Array.from({ length: 1_001 }, (_, i) => ({
        name: i < 1_000 ? "f" : last,
        arguments: "{}",
      })),
    });
    expect(compareAnswers(calls("f"), calls("g")).agreement.exact).toBe(0);
    expect(compareAnswers(calls("f"), calls("f")).agreement.exact).toBe(1);
  });

  test.each<{ name: string; answer: Answer; want: 0 | 1 | null }>([
    { name: "a long text", answer: { text: "a ".repeat(40_000), toolCalls: [] }, want: 0 },
    {
      name: "a long text and a bad call",
      answer: { text: "a ".repeat(40_000), toolCalls: [{ name: "g", arguments: "" }] },
      want: 1,
    },
    {
      name: "a whole bad call in the start that is there",
      answer: {
        ...{ text: "", isCut: true },
        toolCalls: [
          { name: "g", arguments: "" },
          { name: "f", arguments: '{"a' },
        ],
      },
      want: 1,
    },
    {
      name: "a call of which only the start is there",
      answer: { text: "", isCut: true, toolCalls: [{ name: "f", arguments: '{"a' }] },
      want: null,
    },
  ])("judges the tool calls of $name", ({ answer, want }) => {
    const request = { ...unknownRequest, shape: "tools", tools: new Map([["f", { name: "f" }]]) };
    const { primary } = compareAnswers(answer, answer, request as never);
    expect(primary.toolBad).toBe(want);
  });

  test("compares JSON whatever the order of its members", () => {
    const { agreement } = compareAnswers(
      { text: '{"a":1,"b":{"c":2}}' },
      { text: '```\n{"b":{"c":2.0},"a":1}\n```' },
      json,
    );
    expect(agreement).toMatchObject({ exact: 0, jsonEqual: 1, jsonKeys: 1 });
  });

  test("counts a call of a tool that was not offered, and arguments that break its schema", () => {
    const request = readComparedRequest({
      tools: [
        {
          function: {
            name: "f",
            parameters: { properties: { n: { type: "array", items: { type: "integer" } } } },
          },
        },
      ],
    });
    const call = (name: string, args: string) => ({
      text: "",
      toolCalls: [{ name, arguments: args }],
    });
    const bad = (each: Answer) => compareAnswers(each, each, request).primary.toolBad;
    expect(
      [call("f", '{"n":[1]}'), call("f", '{"n":["1"]}'), call("g", "{}"), { text: "" }].map(bad),
    ).toEqual([0, 1, 1, 0]);
    expect(compareAnswers(call("g", ""), call("g", "")).primary.toolBad).toBeNull();
  });
});
