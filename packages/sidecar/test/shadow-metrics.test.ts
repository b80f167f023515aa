import { describe, expect, test } from "@jest/globals";
import {
  type Lane,
  type Leg,
  type LegClass,
  type LostTwin,
  type SampleComparison,
  skippedAgreement,
} from "@umbra/shadow";
import { createShadowMetrics } from "../src/evaluation/shadow-metrics.ts";
import { createExposition } from "../src/metrics/exposition.ts";
import type { MirrorGate } from "../src/mirror/mirror-gate.ts";
import { compared, stream } from "./compared-answers.ts";

test("a twin that was never sent, or not measured, is not counted as lost", () => {
  const metrics = createExposition();
  const gate = { candidate: "default/b" } as MirrorGate;
  const mirrors = { gates: [gate], has: () => true };
  const shadow = createShadowMetrics({ metrics, mirrors, latest: () => [] });
  const twins: readonly LostTwin[] = ["unanswered", "unsent", "unsent", "unmeasured"];
  for (const twin of twins) shadow.lost?.({} as Leg, "mirror", twin, { gateOf: () => gate });
  const pairs = metrics.families.find(({ name }) => name === "umbra_shadow_pairs_total");
  expect([...(pairs?.read() ?? [])]).toEqual([
    [["default/b", "lost"], 1],
    [["default/b", "unsent"], 2],
    [["default/b", "unmeasured"], 1],
  ]);
});

describe("metrics of what answers say", () => {
  const leg = (lane: Lane, legClass: LegClass = "ok") =>
    ({ lane, class: legClass, pool: "default/b", requestId: "a" }) as Leg;

  function seen(found: SampleComparison | undefined, legClass?: LegClass) {
    const metrics = createExposition();
    const gate = { candidate: "default/b" } as MirrorGate;
    const shadow = createShadowMetrics({
      metrics,
      mirrors: { gates: [gate], has: () => true },
      latest: () => [],
    });
    const request = { gateOf: () => gate, comparisonOf: () => found };
    const pair = { requestId: "a", primary: leg("primary"), shadow: leg("shadow", legClass) };
    shadow.paired?.(pair, "mirror", request);
    const rows = (name: string) => [
      ...(metrics.families.find((family) => family.name === name)?.read() ?? []),
    ];
    return {
      pairs: rows("umbra_shadow_output_pairs_total"),
      flags: rows("umbra_shadow_output_flag_total"),
    };
  }

  test("count the flags of compared answers, by lane", () => {
    const found = compared(stream("Hello."), stream("I'm sorry, but I can't help with that."));
    expect(seen(found)).toEqual({
      pairs: [[["default/b", "compared"], 1]],
      flags: [[["default/b", "shadow", "refusal"], 1]],
    });
  });

  test.each<{ name: string; found: SampleComparison | undefined; want: readonly unknown[] }>([
    {
      name: "the reason",
      found: { agreement: skippedAgreement("memory") },
      want: [[["default/b", "memory"], 1]],
    },
    { name: "nothing, if the mirror compares none", found: undefined, want: [] },
  ])("count of pairs that are not compared $name", ({ found, want }) => {
    expect(seen(found)).toEqual({ pairs: want, flags: [] });
  });

  test("count nothing of pairs with an answer that failed", () => {
    expect(seen(compared(stream("a"), stream("b")), "server_error").pairs).toEqual([]);
  });
});
