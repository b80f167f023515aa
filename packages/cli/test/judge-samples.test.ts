import { describe, expect, test } from "@jest/globals";
import type { Sample } from "@umbra/shadow";
import fc from "fast-check";
import { judgeSamples } from "../src/report/judge-samples.ts";

const leg = {
  ...{ status: 200, class: "ok" as const, stream: true, ttft: 100, ttfo: 100, tpot: 20, e2e: 500 },
  ...{ outTokens: 21, tokenSource: "usage" as const, outChars: 80, promptTokens: 50 },
  ...{ cachedTokens: 0, promptBytes: 400, finish: "stop", endpoint: null, attempts: 1 },
};

/** A finished run of 20 minutes. */
const samples = Array.from(
  { length: 2_400 },
  (_, i): Sample => ({
    ...{ v: 1, id: `r${i}`, t0: 1_767_225_600_000 + i * 500, route: "default/r" },
    ...{ candidate: "default/b", mirrored: true, drop: null, session: null, lag: 1 },
    ...{ primary: leg, shadow: { ...leg, ttft: 100 + (i % 3) } },
  }),
);

describe("judgeSamples", () => {
  test("the end of a file is the planned end of the run", () => {
    const [report] = judgeSamples(samples, {
      settings: {},
      topology: undefined,
      control: undefined,
    });
    expect(report?.evaluation.is_final).toBe(true);
    expect(report?.verdict.reasons.map(({ code }) => code)).not.toContain("not_ended");
    expect(report?.verdict.next.action).not.toMatch(/min more/);
  });

  test("uses the horizon if one is given", () => {
    const [report] = judgeSamples(samples, {
      ...{ settings: { horizonMs: 1_800_000 }, topology: undefined, control: undefined },
    });
    expect(report?.evaluation.is_final).toBe(false);
    expect(report?.verdict.reasons.map(({ code }) => code)).toContain("not_ended");
  });

  test("the samples of several files give the same report as those of one, however they are split", () => {
    const some = samples.slice(0, 500).map((each, i) => ({
      ...each,
      // Several are sent in the same millisecond.
      t0: each.t0 - (i % 4) * 500,
      shadow: { ...leg, ttft: 90 + ((i * 37) % 41) },
    }));
    const reportOf = (given: readonly Sample[]) =>
      JSON.stringify(
        judgeSamples(given, { settings: {}, topology: undefined, control: undefined }),
      );
    const want = reportOf(some);
    fc.assert(
      fc.property(fc.infiniteStream(fc.boolean()), (isFirst) => {
        const owners = some.map(() => isFirst.next().value === true);
        const [a, b] = [true, false].map((owner) => some.filter((_, i) => owners[i] === owner));
        expect(reportOf([...(b ?? []), ...(a ?? [])])).toBe(want);
      }),
      { numRuns: 3 },
    );
  });
});
