import { describe, expect, test } from "@jest/globals";
import { evaluationConfig, judge, type Sample } from "@umbra/shadow";
import { judgePart, type Part } from "@umbra/shadow/internal";
import { traffic } from "./fixtures.ts";

const config = evaluationConfig({ horizonMs: 599_000, minPairs: 2_000, warmupMs: 0, seed: 1 });
const startedAtMs = Date.UTC(2026, 0, 1);

function look(samples: readonly Sample[], seconds: number, only?: Part) {
  const nowMs = startedAtMs + seconds * 1_000;
  const input = {
    samples: samples.filter(({ t0 }) => t0 <= nowMs),
    ...{ config, isBrief: true, facts: { startedAtMs, nowMs } },
  };
  return only === undefined ? judge(input) : judgePart(input, only);
}

const equal = traffic({ seed: 31, pairs: 2_400, perSecond: 4 });
const slower = equal.map((each) => {
  const { shadow } = each;
  return shadow === null ? each : { ...each, shadow: { ...shadow, ttft: (shadow.ttft ?? 0) * 2 } };
});

describe("what decides alone", () => {
  test.each([
    { name: "equal lanes, in the middle", samples: equal, seconds: 300 },
    { name: "equal lanes, at the planned end", samples: equal, seconds: 600 },
    { name: "a slower shadow, in the middle", samples: slower, seconds: 300 },
    { name: "a slower shadow, at the planned end", samples: slower, seconds: 600 },
  ])("comes to the verdict of all: $name", ({ samples, seconds }) => {
    const [all, decisive] = [look(samples, seconds), look(samples, seconds, "decisive")];
    const failed = (report: typeof all) =>
      report.gates.filter(({ status, required }) => required && status === "FAIL");
    expect(decisive.verdict.status).toBe(all.verdict.status);
    expect(decisive.verdict.final).toEqual(all.verdict.final);
    expect(failed(decisive)).toEqual(failed(all));
  });

  test("leaves out before the planned end what cannot end the evaluation there", () => {
    const { gates, segments, validity } = look(equal, 300, "decisive");
    expect(gates.map(({ id }) => id)).not.toContain("ttft.p99");
    expect(gates.every(({ required }) => required)).toBe(true);
    expect(segments).toEqual([]);
    expect(validity.map(({ id }) => id)).toEqual(["primary_protection"]);
  });
});

test.each(["ttft.typical", "ttft.p99", "errors"] as const)(
  "%s alone is judged as it is among all",
  (id) => {
    const alone = look(slower, 600, id).gates;
    const all = look(slower, 600).gates;
    expect(alone).toEqual(all.filter((gate) => gate.id === id));
  },
);
