import { describe, expect, test } from "@jest/globals";
import { readLabels } from "@umbra/shadow";
import { labelsOf } from "@umbra/shadow/internal";

describe("labels", () => {
  test("are read from key=value, the last of a key counts, and values may hold =", () => {
    expect(
      readLabels(["commit=abc", "candidate.gpu=L4", "run=https://x/?a=b", "commit=def"]),
    ).toEqual({
      ok: true,
      labels: { commit: "def", "candidate.gpu": "L4", run: "https://x/?a=b" },
    });
  });

  test.each([
    { pairs: ["commit"], problem: '"commit" is not key=value' },
    { pairs: ["=x"], problem: '"=x" is not key=value' },
    { pairs: ["a b=x"], problem: '"a b=x" must have a key of at most 63 letters, digits and ._/-' },
    {
      pairs: [`k=${"x".repeat(257)}`],
      problem: `"k=${"x".repeat(78)}" must have a value of at most 256 characters`,
    },
    {
      pairs: Array.from({ length: 33 }, (_, i) => `k${i}=x`),
      problem: "at most 32 labels are allowed",
    },
    {
      pairs: ["\u001b[31m=x"],
      problem: '"\\u001b[31m=x" must have a key of at most 63 letters, digits and ._/-',
    },
  ])("are refused with their reason: $problem", ({ pairs, problem }) => {
    expect(readLabels(pairs)).toEqual({ ok: false, problem });
  });

  test("belong to a lane by their prefix", () => {
    const labels = { commit: "abc", "candidate.gpu": "L4", "baseline.gpu": "A10" };
    expect([labelsOf(labels, "candidate"), labelsOf(labels, undefined)]).toEqual([
      [["gpu", "L4"]],
      [["commit", "abc"]],
    ]);
  });
});
