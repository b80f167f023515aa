import { describe, expect, test } from "@jest/globals";
import {
  type Answer,
  checkSchema,
  compareAnswers,
  decodings,
  jsonStates,
  readComparedRequest,
  schemaStates,
  scripts,
  toolLevels,
  unknownRequest,
} from "@umbra/shadow/compare";
import fc from "fast-check";

/** Far more than any of these takes on a machine that does nothing else, far less than what is not bounded takes. */
const limitMs = 3_000;

function millisecondsOf(run: () => unknown): number {
  const start = performance.now();
  run();
  return performance.now() - start;
}

const mebi = 2 ** 20;
const nested = (open: string, close: string, depth = 50_000) =>
  `${open.repeat(depth)}1${close.repeat(depth)}`;
const allDifferent = Array.from({ length: 30_000 }, (_, i) =>
  String.fromCodePoint(0x4e00 + i),
).join("");

describe("answers that are made to be slow", () => {
  const json = { ...unknownRequest, shape: "json", schema: { type: "object" } } as const;

  test.each<{ name: string; text: string }>([
    { name: "one letter without end", text: "a".repeat(8 * mebi) },
    { name: "no line end", text: "word ".repeat(2 * mebi) },
    { name: "space only", text: " \t".repeat(4 * mebi) },
    { name: "line ends only", text: "\r".repeat(8 * mebi) },
    { name: "letters that are all different", text: allDifferent },
    { name: "marks on one letter", text: `a${"\u0301\u0323".repeat(200_000)}` },
    { name: "halves of characters", text: "\ud83d".repeat(mebi) },
    { name: "reasoning that opens repeatedly", text: "<think>".repeat(mebi) },
    { name: "a fence without end", text: `\`\`\`${"\n".repeat(mebi)}` },
    { name: "arrays in arrays", text: nested("[", "]", 30_000) },
    { name: "objects in objects", text: nested('{"a":', "}", 10_000) },
    { name: "the start of a phrase, repeatedly", text: "i can't help wit ".repeat(200_000) },
  ])("$name", ({ text }) => {
    const other = `${text.slice(0, text.length / 2)}x${text.slice(text.length / 2)}`;
    expect(millisecondsOf(() => compareAnswers({ text }, { text: other }, json))).toBeLessThan(
      limitMs,
    );
  });

  test("100,000 tool calls", () => {
    const toolCalls = Array.from({ length: 100_000 }, (_, i) => ({
      name: `tool${i}`,
      arguments: nested("[", "]", 20),
    }));
    const request = readComparedRequest({ tools: [{ function: { name: "tool1" } }] });
    const run = () => compareAnswers({ text: "", toolCalls }, { text: "", toolCalls }, request);
    expect(millisecondsOf(run)).toBeLessThan(limitMs);
    expect(run().primary).toMatchObject({ cut: true, calls: 100_000, toolBad: 1 });
  });

  test("JSON that is nested too deep is valid, and not compared", () => {
    const text = nested("[", "]", 5_000);
    const { primary, agreement } = compareAnswers({ text }, { text }, json);
    expect(primary.json).toBe("valid");
    expect(agreement).toMatchObject({ exact: 1, jsonEqual: null, jsonKeys: null });
  });
});

describe("schemas that are made to be slow", () => {
  const deepSchema = (depth: number): object =>
    depth === 0 ? { type: "string" } : { anyOf: [deepSchema(depth - 1), deepSchema(depth - 1)] };
  const refs = Object.fromEntries(
    Array.from({ length: 40 }, (_, i) => [
      `a${i}`,
      { anyOf: [{ $ref: `#/$defs/a${i + 1}` }, { $ref: `#/$defs/a${i + 1}` }] },
    ]),
  );

  test.each<{ name: string; schema: unknown; value: unknown }>([
    {
      name: "a catastrophic pattern",
      schema: { pattern: "^(a+)+$" },
      value: `${"a".repeat(60_000)}b`,
    },
    {
      name: "a pattern of many alternatives",
      schema: { pattern: "(x|xx|xxx|y*)*z{0,30}$" },
      value: "x".repeat(60_000),
    },
    {
      name: "many patterns",
      schema: { allOf: Array.from({ length: 20_000 }, (_, i) => ({ pattern: `(a*)*b${i}?$` })) },
      value: "a".repeat(1_000),
    },
    { name: "alternatives in alternatives", schema: deepSchema(16), value: 1 },
    { name: "references that double", schema: { $defs: refs, $ref: "#/$defs/a0" }, value: 1 },
    {
      name: "a reference to itself in elements",
      schema: { items: { $ref: "#" } },
      value: JSON.parse(nested("[", "]", 5_000)),
    },
    {
      name: "a long list of values, and a long text",
      schema: { items: { enum: Array.from({ length: 50_000 }, (_, i) => `v${i}`) } },
      value: Array.from({ length: 1_000 }, () => "v".repeat(1_000)),
    },
    {
      name: "objects to compare with",
      schema: { enum: Array.from({ length: 50_000 }, (_, i) => ({ i })) },
      value: Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`k${i}`, i])),
    },
    {
      name: "the length of a long text, repeatedly",
      schema: { allOf: Array.from({ length: 150_000 }, () => ({ maxLength: 1e9 })) },
      value: "é".repeat(60_000),
    },
    {
      name: "names of types without end",
      schema: { items: { type: Array.from({ length: 100_000 }, () => "string") } },
      value: Array.from({ length: 10_000 }, () => 1),
    },
  ])("$name", ({ schema, value }) => {
    expect(millisecondsOf(() => checkSchema(value, schema))).toBeLessThan(limitMs);
  });
});

describe("tool calls whose schema is made to be slow", () => {
  const values = Array.from({ length: 20_000 }, (_, i) => ({ [`k${i}`]: i }));
  const offered = [{ name: "f", input_schema: { properties: { a: { enum: values } } } }];
  const request = readComparedRequest({ tools: offered });
  const callsOf = (count: number) => ({
    text: "",
    toolCalls: Array.from({ length: count }, () => ({ name: "f", arguments: '{"a":{"b":1}}' })),
  });

  test("of one answer share what their checks may take", () => {
    const [one, many] = [callsOf(1), callsOf(64)];
    compareAnswers(one, one, request);
    const ofOne = millisecondsOf(() => compareAnswers(one, one, request));
    const ofMany = millisecondsOf(() => compareAnswers(many, many, request));
    expect(ofMany).toBeLessThan(20 * ofOne + 100);
    expect(compareAnswers(many, many, request).primary.toolBad).toBeNull();
  });
});

describe("what comes out", () => {
  const names = new Set<unknown>([
    ...decodings,
    ...jsonStates,
    ...schemaStates,
    ...scripts,
    ...toolLevels,
  ]);
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 60 }),
    fc.string({ unit: "grapheme", minLength: 8, maxLength: 60 }),
    fc.json(),
    fc.constantFrom(...names).map(String),
  );
  const answer: fc.Arbitrary<Answer> = fc.record({
    text,
    toolCalls: fc.array(fc.record({ name: text, arguments: text }), { maxLength: 3 }),
    finishReason: text,
    logprobs: fc.array(
      fc.record({ token: text, logprob: fc.double({ max: 0, noNaN: true }), top: fc.constant([]) }),
      { maxLength: 3 },
    ),
  });
  const request = fc.record({
    tools: fc.array(fc.record({ name: text, input_schema: fc.jsonValue() }), { maxLength: 2 }),
    response_format: fc.constantFrom({ type: "json_object" }, {}),
    messages: fc.array(fc.record({ role: fc.constant("user"), content: text }), { maxLength: 2 }),
  });

  test("is numbers and names of closed lists, never text", () => {
    fc.assert(
      fc.property(answer, answer, request, (a, b, body) => {
        const { primary, shadow, agreement } = compareAnswers(a, b, readComparedRequest(body));
        const values = [primary, shadow, agreement].flatMap((part) => Object.values(part));
        const texts = values.filter((value) => typeof value === "string");
        expect(texts.filter((value) => !names.has(value))).toEqual([]);
        expect(values.filter((value) => typeof value === "object" && value !== null)).toEqual([]);
      }),
    );
  });

  test("has no 8 code points of an answer", () => {
    // Of private use, so that no name has them.
    const character = fc
      .integer({ min: 0xe000, max: 0xe0ff })
      .map((code) => String.fromCharCode(code));
    const secret = fc.string({ unit: character, minLength: 8, maxLength: 40 });
    fc.assert(
      fc.property(secret, secret, (a, b) => {
        const said = { text: a, toolCalls: [{ name: a, arguments: b }], finishReason: b };
        const out = JSON.stringify(compareAnswers(said, { text: b }));
        for (const each of [a, b]) {
          for (let i = 0; i + 8 <= each.length; i++)
            expect(out).not.toContain(each.slice(i, i + 8));
        }
      }),
    );
  });
});
