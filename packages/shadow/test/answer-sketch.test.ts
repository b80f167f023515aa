import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import {
  type Answer,
  type AnswerSketch,
  AnswerSketcher,
  type ComparedRequest,
  compareAnswers,
  compareSketches,
  normalizeText,
  unknownRequest,
} from "@umbra/shadow/compare";
import fc from "fast-check";
import { StreamedText } from "../src/compare/streamed-text.ts";

const vectors = JSON.parse(
  readFileSync(new URL("vectors/answers.json", import.meta.url), "utf8"),
) as {
  readonly pairs: readonly {
    readonly id: string;
    readonly a: string;
    readonly b: string;
    readonly bottomk64: number;
    readonly bottomk_first4: readonly number[];
  }[];
};

const options = {
  ...{ maxTextBytes: 65_536, stripsReasoning: true, refusalPhrases: ["no can do"] },
  ...{ hasSimilarity: true, key: new Uint8Array(32) },
};

function sketcherOf(answer: Answer, cuts: readonly number[] = [], request = unknownRequest) {
  const sketcher = new AnswerSketcher(request, options);
  for (const content of piecesOf(answer.text, cuts)) {
    sketcher.add({ choices: [{ index: 0, delta: { content } }] });
  }
  answer.toolCalls?.forEach(({ name, arguments: args }, index) => {
    for (const part of piecesOf(args, cuts)) {
      const call = { index, function: { arguments: part } };
      sketcher.add({ choices: [{ index: 0, delta: { tool_calls: [call] } }] });
    }
    const call = { index, function: { name } };
    sketcher.add({ choices: [{ index: 0, delta: { tool_calls: [call] } }] });
  });
  if (answer.hasRefusal === true) {
    sketcher.add({ choices: [{ index: 0, delta: { refusal: "no" } }] });
  }
  return sketcher;
}

function sketchOf(answer: Answer, request?: ComparedRequest): AnswerSketch {
  return sketcherOf(answer, [], request).end();
}

function piecesOf(text: string, cuts: readonly number[]): readonly string[] {
  const at = [0, ...cuts.map((cut) => cut % (text.length + 1)), text.length].sort((a, b) => a - b);
  return at.slice(1).map((end, i) => text.slice(at[i], end));
}

/** Words, repeats, white space, marks and letters that are composed, reasoning, and characters of any script. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "the answer ",
        "is 42. ",
        "I'm unable to ",
        "No can do",
        "go go go go go go ",
      ),
      fc.constantFrom(
        "\r\n",
        "\r",
        "\n",
        " ",
        "\u2000",
        "e",
        "\u0301",
        "\u1100",
        "\u1161",
        "\u11a8",
      ),
      fc.constantFrom(
        "<think>",
        "</think>",
        "<thi",
        "nk>",
        "天",
        "ありがとう",
        "🚀",
        '{"a":[1]}',
        "```",
      ),
      fc.string({ unit: "grapheme" }),
      fc.string({ unit: "binary" }),
    ),
    { maxLength: 40 },
  )
  .map((parts) => Buffer.from(parts.join("")).toString("utf8"));
const toolCall = fc.record({
  name: fc.constantFrom("search", "add"),
  arguments: fc.oneof(fc.json(), fc.constantFrom("", "{", '{"q":1}')),
});
const answer: fc.Arbitrary<Answer> = fc.record({
  text,
  toolCalls: fc.array(toolCall, { maxLength: 3 }),
  hasRefusal: fc.boolean(),
});
const cuts = fc.array(fc.nat(), { maxLength: 12 });
const parameters = { type: "object", required: ["q"] };
const requests: readonly ComparedRequest[] = [
  unknownRequest,
  { decode: "greedy", shape: "json", schema: parameters },
  { decode: "greedy", shape: "tools", tools: new Map([["add", { name: "add", parameters }]]) },
];

describe("a text that is read in pieces", () => {
  test("is normalized as the whole text is, wherever it is cut", () => {
    fc.assert(
      fc.property(text, cuts, fc.boolean(), (whole, at, stripsReasoning) => {
        let streamed = "";
        const sink = {
          add(piece: string) {
            streamed += piece;
          },
          reset() {
            streamed = "";
          },
        };
        const reader = new StreamedText(sink, { stripsReasoning });
        for (const piece of wellFormed(piecesOf(whole, at))) reader.add(piece);
        reader.end();
        expect(streamed).toBe(normalizeText(whole, { stripsReasoning }));
      }),
      { numRuns: 2_000 },
    );
  });

  test("with endless marks on a letter keeps only some of them", () => {
    const reader = new StreamedText({ add: () => {}, reset: () => {} }, { stripsReasoning: true });
    for (let i = 0; i < 10_000; i++) reader.add("\u0301\u0316");
    expect(reader.heldUnits).toBeLessThan(100);
  });
});

/** Joins the two halves of characters that were cut. */
function wellFormed(pieces: readonly string[]): readonly string[] {
  let half = "";
  return pieces.map((piece) => {
    const joined = half + piece;
    half = /[\ud800-\udbff]$/.test(joined) ? joined.slice(-1) : "";
    return joined.slice(0, joined.length - half.length);
  });
}

describe("a sketch", () => {
  test.each(vectors.pairs)("keeps the smallest hashes of runs of characters: $id", (pair) => {
    const [a, b] = [sketchOf({ text: pair.a }), sketchOf({ text: pair.b })];
    expect([...(a.text.runs ?? [])].slice(0, 4)).toEqual(pair.bottomk_first4);
    const { agreement } = compareSketches(a, b, unknownRequest);
    expect(agreement.sim).toBeCloseTo(pair.bottomk64, 9);
  });

  test("finds of one answer what the comparison of whole answers finds", () => {
    fc.assert(
      fc.property(answer, fc.constantFrom(...requests), (each, request) => {
        const { refusalPhrases } = options;
        const whole = compareAnswers(each, each, request, { refusalPhrases }).primary;
        expect(sketchOf(each, request).check).toEqual({
          ...whole,
          rep4: expect.closeTo(whole.rep4, 9),
        });
      }),
      { numRuns: 1_000 },
    );
  });

  test("does not depend on where the answer is cut", () => {
    fc.assert(
      fc.property(answer, cuts, fc.constantFrom(...requests), (each, at, request) => {
        expect(sketcherOf(each, at, request).end()).toEqual(sketchOf(each, request));
      }),
      { numRuns: 500 },
    );
  });

  test("of two answers shows whether they are the same, and where they begin to differ", () => {
    fc.assert(
      fc.property(
        answer,
        answer,
        fc.boolean(),
        fc.constantFrom(...requests),
        (a, c, isSame, of) => {
          const b = isSame ? { ...a, text: `${a.text}${c.text}` } : c;
          const { agreement } = compareSketches(sketchOf(a, of), sketchOf(b, of), of);
          const whole = compareAnswers(a, b, of).agreement;
          const { exact, tool, toolF1, jsonEqual } = whole;
          expect(agreement).toMatchObject({ exact, tool, toolF1, jsonEqual, jsonKeys: null });
          expect(agreement.lcp).toBeLessThanOrEqual(whole.lcp);
          const least = whole.lcp < 16 ? 0 : whole.lcp / 2;
          expect(agreement.lcp).toBeGreaterThanOrEqual(least);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("estimates the share of common runs within four standard errors", () => {
    const words = Array.from({ length: 400 }, (_, i) => `w${(i * 7_919) % 1_000} and`);
    for (const changed of [0, 1, 3, 10, 40, 100, 400]) {
      const others = words.map((word, i) => (i % 400 < changed ? `x${i} or` : word));
      const [a, b] = [words.join(" "), others.join(" ")];
      const estimate = compareSketches(
        sketchOf({ text: a }),
        sketchOf({ text: b }),
        unknownRequest,
      );
      expect(Math.abs((estimate.agreement.sim ?? -1) - jaccard(a, b))).toBeLessThan(0.25);
    }
  });

  test("of long texts estimates repeats within a tenth", () => {
    const repeated = Array.from({ length: 8_000 }, (_, i) => `word${(i * i) % 3_001}`).join(" ");
    const { rep4 } = compareAnswers({ text: repeated }, { text: "" }).primary;
    expect(Math.abs(sketchOf({ text: repeated }).check.rep4 - rep4)).toBeLessThan(0.1);
  });

  test("knows long answers of which the end differs", () => {
    const long = "word ".repeat(20_000);
    const of = (end: string) => sketchOf({ text: `${long}${end}` });
    expect(of("a").check.cut).toBe(true);
    expect(compareSketches(of("a"), of("a"), unknownRequest).agreement.exact).toBe(1);
    expect(compareSketches(of("a"), of("b"), unknownRequest).agreement.exact).toBe(0);
  });
});

function jaccard(a: string, b: string): number {
  const [first, second] = [runsOf(a), runsOf(b)];
  const both = [...first].filter((run) => second.has(run)).length;
  return both / (first.size + second.size - both);
}

function runsOf(whole: string): Set<string> {
  return new Set(Array.from({ length: whole.length - 4 }, (_, i) => whole.slice(i, i + 5)));
}

describe("memory of a sketch", () => {
  const prose = Array.from({ length: 9_000 }, (_, i) => `word${(i * i) % 7_919}`).join(" ");

  test("is bounded while the answer streams, and small from its end on", () => {
    const sketcher = sketcherOf({ text: prose });
    expect(sketcher.heldBytes).toBeLessThan(8_192);
    const sketch = sketcher.end();
    expect(sketcher.heldBytes).toBeLessThanOrEqual(600);
    const { runs, prefixes } = sketch.text;
    expect(runs?.buffer.byteLength).toBe(256);
    expect(prefixes.buffer.byteLength).toBe(104);
    sketcher.clear();
    expect(sketcher.heldBytes).toBe(0);
  });

  test("has no text of the answer", () => {
    const calls = [{ name: "find_secret_word", arguments: '{"secret":"rosebud of the plains"}' }];
    const json = { decode: "greedy", shape: "json" } as const;
    const kept = JSON.stringify(
      sketchOf({ text: `{"secret":"${prose}"}`, toolCalls: calls }, json),
    );
    for (const secret of ["secret", "rosebud", "word1", "plains"])
      expect(kept).not.toContain(secret);
  });

  test("depends on a key", () => {
    const keyed = new AnswerSketcher(unknownRequest, { ...options, key: Buffer.alloc(32, 7) });
    keyed.add({ choices: [{ message: { content: "yes" } }] });
    const [a, b] = [keyed.end(), sketchOf({ text: "yes" })];
    expect(a.text.digest).not.toBe(b.text.digest);
    expect([...(a.text.runs ?? [])]).not.toEqual([...(b.text.runs ?? [])]);
  });
});
