import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import {
  canonicalJson,
  checkToolCall,
  compareTexts,
  compareToolCalls,
  endLoop,
  isLoop,
  isRefusal,
  logprobDrift,
  normalizeText,
  type OfferedTool,
  readJsonAnswer,
  repeatedShare,
  scriptOf,
  sharedKeys,
  type TokenLogprob,
  type ToolCall,
  wordsOf,
} from "@umbra/shadow/compare";
import { createEProcess } from "@umbra/shadow/statistics";

interface LogprobToken {
  readonly token: string;
  readonly lp: number;
  readonly top: readonly (readonly [string, number])[];
}

interface LogprobCase {
  readonly id: string;
  readonly a: readonly LogprobToken[];
  readonly b: readonly LogprobToken[];
  readonly tokens: number;
  readonly meanAbs: number | null;
  readonly meanDiff: number | null;
  readonly at: number | null;
  readonly gap?: number | null;
  readonly isNearTie: boolean | null;
}

const vectors = JSON.parse(
  readFileSync(new URL("vectors/answers.json", import.meta.url), "utf8"),
) as {
  readonly pairs: readonly {
    readonly id: string;
    readonly a: string;
    readonly b: string;
    readonly exact: number;
    readonly lcp: number;
    readonly lcpShare: number;
    readonly sim: number;
    readonly sim_swapped: number;
    readonly rep4_a: number;
    readonly words_a: number;
  }[];
  readonly loops: readonly {
    readonly id: string;
    readonly text: string;
    readonly rep4: number;
    readonly tail: { readonly period: number; readonly span: number } | null;
    readonly loop: number;
  }[];
  readonly scripts: readonly { id: string; text: string; script: string | null }[];
  readonly json: readonly { id: string; text: string; state: string }[];
  readonly canonical: readonly { text: string; canonical: string }[];
  readonly json_keys: readonly { a: string; b: string; jsonKeys: number }[];
  readonly tools: readonly {
    readonly id: string;
    readonly a: readonly ToolCall[];
    readonly b: readonly ToolCall[];
    readonly level: string;
    readonly f1: number;
  }[];
  readonly tool_valid: {
    readonly offered: readonly OfferedTool[];
    readonly cases: readonly { readonly call: ToolCall; readonly result: string }[];
  };
  readonly refusal: readonly {
    readonly text: string;
    readonly finish?: string;
    readonly refusalField?: string;
    readonly refusal: number;
  }[];
  readonly logprobs: readonly LogprobCase[];
  readonly e_process: readonly {
    readonly id: string;
    readonly n: number;
    readonly margin: number;
    readonly side: "below" | "above";
    readonly logE: number;
    readonly maxLogE: number;
  }[];
};

function tokens(list: readonly LogprobToken[]): readonly TokenLogprob[] {
  return list.map(({ token, lp, top }) => ({
    token,
    logprob: lp,
    top: top.map(([name, logprob]) => ({ token: name, logprob })),
  }));
}

describe("two texts", () => {
  test.each(vectors.pairs)("$id", ({ a, b, exact, lcp, lcpShare, sim, sim_swapped }) => {
    const found = compareTexts(a, b);
    expect(found).toMatchObject({ exact, lcp });
    expect(found.lcpShare).toBeCloseTo(lcpShare, 12);
    expect(found.sim).toBeCloseTo(sim, 12);
    expect(compareTexts(b, a).sim).toBeCloseTo(sim_swapped, 12);
  });

  test.each(vectors.pairs)("words of $id", ({ a, rep4_a, words_a }) => {
    const words = wordsOf(normalizeText(a));
    expect(words).toHaveLength(words_a);
    expect(repeatedShare(words)).toBeCloseTo(rep4_a, 12);
  });
});

describe("loops", () => {
  test.each(vectors.loops)("$id", ({ text, rep4, tail, loop }) => {
    const normalized = normalizeText(text);
    expect(repeatedShare(wordsOf(normalized))).toBeCloseTo(rep4, 12);
    expect(endLoop(normalized)).toEqual(tail ?? undefined);
    expect(isLoop(normalized)).toBe(loop === 1);
  });
});

describe("scripts", () => {
  test.each(vectors.scripts)("$id", ({ text, script }) => {
    expect(scriptOf(normalizeText(text))).toBe(script);
  });
});

describe("JSON", () => {
  test.each(vectors.json)("$id is $state", ({ text, state }) => {
    expect(readJsonAnswer(normalizeText(text)).state).toBe(state);
  });

  test.each(vectors.canonical)("the canonical form of $text", ({ text, canonical }) => {
    expect(canonicalJson(JSON.parse(text))).toBe(canonical);
  });

  test.each(vectors.json_keys)("keys of $a and $b", ({ a, b, jsonKeys }) => {
    expect(sharedKeys(JSON.parse(a), JSON.parse(b))).toBeCloseTo(jsonKeys, 12);
  });
});

describe("tool calls", () => {
  test.each(vectors.tools)("$id", ({ a, b, level, f1 }) => {
    const found = compareToolCalls(a, b);
    expect(found.level).toBe(level);
    expect(found.f1).toBeCloseTo(f1, 12);
  });

  test.each(vectors.tool_valid.cases)("$call.name($call.arguments): $result", (each) => {
    const offered = new Map(vectors.tool_valid.offered.map((tool) => [tool.name, tool]));
    expect(checkToolCall(each.call, offered)).toBe(each.result);
  });
});

describe("refusals", () => {
  test.each(vectors.refusal)("$text", ({ text, finish, refusalField = "", refusal }) => {
    const signs = { text: normalizeText(text), hasRefusal: refusalField !== "" };
    const given = finish === undefined ? signs : { ...signs, finishReason: finish };
    expect(isRefusal(given)).toBe(refusal === 1);
  });
});

describe("log probabilities", () => {
  test.each(vectors.logprobs)("$id", ({ a, b, gap = null, ...want }) => {
    const found = logprobDrift(tokens(a), tokens(b));
    expect(found).toMatchObject({ tokens: want.tokens, at: want.at, isNearTie: want.isNearTie });
    expect(found.meanAbs ?? -1).toBeCloseTo(want.meanAbs ?? -1, 12);
    expect(found.meanDiff ?? -1).toBeCloseTo(want.meanDiff ?? -1, 12);
    expect(found.gap ?? -1).toBeCloseTo(gap ?? -1, 12);
  });
});

describe("the e-process of differences of answers", () => {
  const values = new Map<string, (i: number) => number>([
    ["agreement", (i) => ((i + 1) % 50 === 0 ? 1 : (i + 1) % 60 === 0 ? -1 : 0)],
    ["same", (i) => ((i + 1) % 50 === 0 ? 1 : (i + 1) % 60 === 0 ? -1 : 0)],
    [
      "bounded",
      (i) => Math.round(1_000 * (0.02 * Math.sin(i) + (((37 * i) % 101) - 50) / 500)) / 1_000,
    ],
  ]);

  test.each(vectors.e_process)("$id", ({ id, n, margin, side, logE, maxLogE }) => {
    const value = values.get(/^\w+/.exec(id)?.[0] ?? "") ?? (() => Number.NaN);
    const process = createEProcess(margin, side);
    for (let i = 0; i < n; i++) process.add(value(i));
    expect(process.logE).toBeCloseTo(logE, 9);
    expect(process.maxLogE).toBeCloseTo(maxLogE, 9);
  });
});
