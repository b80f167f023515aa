import { describe, expect, test } from "@jest/globals";
import { lostSample, pairSample } from "@umbra/shadow";
import fc from "fast-check";
import { createOutputMetrics } from "../src/evaluation/output-metrics.ts";
import { createExposition } from "../src/metrics/exposition.ts";
import { compared, comparing, event, stream } from "./compared-answers.ts";

/** Far more than any of these takes on a machine that does nothing else, far less than what is not bounded takes. */
const limitMs = 3_000;

const toolsOf = (parameters: object) => ({
  tools: [{ type: "function", function: { name: "f", parameters } }],
});
const calls = (count: number, args: string) =>
  Array.from({ length: count }, (_, index) =>
    event({ tool_calls: [{ index, function: { name: "f", arguments: args } }] }),
  ).join("");

describe("hostile answers are compared in bounded time and memory", () => {
  test.each<{ name: string; answer: string; request?: object }>([
    {
      name: "an answer without end",
      answer: event({ content: "word ".repeat(200) }).repeat(2_000),
    },
    { name: "an answer without a line end", answer: `data: ${"x".repeat(3_000_000)}` },
    { name: "100,000 tool calls", answer: calls(100_000, '{"a":1}') },
    {
      name: "a catastrophic pattern",
      answer: calls(64, JSON.stringify({ a: `${"a".repeat(900)}!` })),
      request: toolsOf({ properties: { a: { pattern: "^(a+)+$" } } }),
    },
    {
      name: "references in a circle",
      answer: calls(64, '{"a":{"a":{"a":1}}}'),
      request: toolsOf({ $ref: "#/$defs/b", $defs: { b: { $ref: "#/$defs/b" } } }),
    },
    {
      name: "a schema with many values to compare with",
      answer: calls(64, '{"a":{"b":1}}'),
      request: toolsOf({
        properties: { a: { enum: Array.from({ length: 10_000 }, (_, i) => ({ i })) } },
      }),
    },
  ])(
    "$name",
    ({ answer, request }) => {
      const is = comparing();
      const comparison = is.begin(request);
      const legs = [is.open(comparison, "mirror-0"), is.open(comparison, undefined)];
      for (const leg of legs) is.write(leg, answer);
      expect(is.desk.comparedBytes).toBeLessThan(3_000_000);
      const startedMs = performance.now();
      for (const leg of legs) is.end(leg);
      is.work();
      comparison.close();
      is.work();
      expect(performance.now() - startedMs).toBeLessThan(limitMs);
      expect(is.desk.comparedBytes).toBe(0);
    },
    60_000,
  );

  test("invalid UTF-8, split anywhere", () => {
    const bytes = fc.uint8Array({ maxLength: 30 });
    fc.assert(
      fc.property(bytes, fc.nat(60), (noise, cut) => {
        const is = comparing();
        const comparison = is.begin();
        const text = Buffer.from(event({ content: "some words, ☃ and more" }));
        const at = Math.min(cut, text.length);
        const hostile = Buffer.concat([text.subarray(0, at), noise, text.subarray(at)]);
        for (const mirror of [undefined, "mirror-0"]) {
          const leg = is.open(comparison, mirror);
          is.write(leg, hostile.subarray(0, cut));
          is.write(leg, hostile.subarray(cut));
          is.end(leg);
        }
        is.work();
        comparison.close();
        is.work();
        expect(is.desk.comparedBytes).toBe(0);
      }),
    );
  });
});

describe("no 8 code points of a prompt or an answer", () => {
  // Of private use, so that no name has them.
  const secret = fc
    .array(
      fc.integer({ min: 0xe000, max: 0xf8ff }).map((point) => String.fromCodePoint(point)),
      {
        minLength: 8,
        maxLength: 40,
      },
    )
    .map((points) => points.join(""));
  const parts = (text: string) => {
    const points = [...text];
    return points.slice(0, -7).map((_, i) => points.slice(i, i + 8).join(""));
  };

  test("are in a message to the picking thread, a sample or a metric", () => {
    fc.assert(
      fc.property(secret, secret, secret, fc.boolean(), (prompt, answer, other, isTool) => {
        const request = {
          messages: [{ role: "user", content: prompt }],
          ...(isTool ? toolsOf({ required: [prompt], description: prompt }) : {}),
        };
        const said = (text: string) =>
          isTool ? calls(1, JSON.stringify({ [text]: text })) : stream(text);
        const found = compared(said(answer), said(other), request);
        const exposition = createExposition();
        createOutputMetrics(exposition).compared("default/b", found);
        const frame = { id: "i", t0: 0, route: "r", candidate: "c" };
        const leg = { requestId: "r", pool: "p", stream: true, status: 200, t0: 0, outChars: 1 };
        const primary = { ...leg, lane: "primary", class: "ok" } as const;
        const shadow = { ...leg, lane: "shadow", class: "ok" } as const;
        const told = JSON.stringify([
          found,
          pairSample(frame, primary, shadow, found),
          lostSample(frame, primary, "unanswered"),
          exposition.families.map((family) => [...(family.read() ?? [])]),
        ]);
        for (const part of [prompt, answer, other].flatMap(parts)) expect(told).not.toContain(part);
      }),
    );
  });
});
