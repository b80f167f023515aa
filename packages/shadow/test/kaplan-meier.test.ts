import { describe, expect, test } from "@jest/globals";
import { evaluationConfig, judge, renderReportText, type Sample } from "@umbra/shadow";
import { survivalQuantiles } from "../src/statistics/kaplan-meier.ts";
import { leg, traffic } from "./fixtures.ts";

describe("survivalQuantiles", () => {
  test("is the published estimate: remission of 21 patients with 6-MP", () => {
    // Freireich et al. (1963), as in Kalbfleisch and Prentice, The Statistical Analysis of Failure Time Data, table 1.1.
    const seen = [6, 6, 6, 7, 10, 13, 16, 22, 23];
    const cut = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35];
    // Survival is 0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448.
    const levels = [0.14, 0.19, 0.24, 0.3, 0.37, 0.46, 0.5, 0.55, 0.56];
    expect(survivalQuantiles(seen, cut, levels)).toEqual([6, 7, 10, 13, 16, 22, 23, 23, null]);
  });

  test("without anything cut short it is the empirical quantile", () => {
    const seen = Array.from({ length: 100 }, (_, i) => i + 1);
    expect(survivalQuantiles(seen, [], [0.5, 0.9, 0.99])).toEqual([50, 90, 99]);
  });

  test("what never came is later than all that was seen", () => {
    const never = Number.POSITIVE_INFINITY;
    expect(survivalQuantiles([1, 2, 3], [never], [0.5, 0.75, 0.9])).toEqual([2, 3, null]);
  });
});

describe("a report of clients that leave before the first token", () => {
  const config = evaluationConfig({ horizonMs: 600_000, warmupMs: 0 });
  const pairs = traffic({ seed: 1, pairs: 2_000, perSecond: 4 });
  const patienceMs = 400;

  /** Clients leave after `patienceMs`; their twins are cut off 100 ms later. */
  function leaving(samples: readonly Sample[]): readonly Sample[] {
    return samples.map((each) => {
      if ((each.primary.ttft ?? 0) <= patienceMs) return each;
      const gone = { ttft: null, ttfo: null, tpot: null, e2e: null };
      const isSeen = (each.shadow?.ttft ?? 0) <= patienceMs + 100;
      return {
        ...each,
        primary: leg({ ...gone, class: "client_cancelled", cut: patienceMs }),
        shadow: leg({
          ...gone,
          class: "propagated_cancel",
          ttft: isSeen ? (each.shadow?.ttft ?? null) : null,
          cut: patienceMs + 100,
        }),
      };
    });
  }

  const whole = judge({ samples: pairs, config });
  const cut = judge({ samples: leaving(pairs), config });

  test("has quantiles with what they cut short, up to the last time that was seen", () => {
    const { primary } = cut.behaviour;
    const truth = whole.metrics.ttft_ms.primary;
    expect(primary.ttft_kaplan_meier?.cut_share).toBeGreaterThan(0.01);
    expect(primary.ttft_kaplan_meier?.p50).toBeCloseTo(truth.p50 ?? 0, -1);
    expect(primary.ttft_kaplan_meier?.p99).toBeNull();
    // What is left of the pairs alone is too fast.
    expect(cut.metrics.ttft_ms.primary.p50).toBeLessThan(truth.p50 ?? 0);
    expect(cut.metrics.ttft_ms.primary.p90).toBeLessThan(0.95 * (truth.p90 ?? 0));
    expect(renderReportText(cut, { color: false })).toContain(
      "TTFT with those, p99 (Kaplan-Meier)",
    );
  });

  test("has none of them where hardly anyone left", () => {
    expect(whole.behaviour.primary).not.toHaveProperty("ttft_kaplan_meier");
    expect(renderReportText(whole, { color: false })).not.toContain("Kaplan-Meier");
  });
});
