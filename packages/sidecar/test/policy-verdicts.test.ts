import { describe, expect, test } from "@jest/globals";
import type { ShadowReport, VerdictStatus } from "@umbra/shadow";
import { PolicyVerdicts } from "../src/evaluation/policy-verdicts.ts";

type Gate = Pick<ShadowReport["gates"][number], "kind" | "required" | "status" | "estimate">;

const typical: Gate = { kind: "ratio", required: true, status: "PASS", estimate: 1.02344 };
const tail: Gate = { kind: "ratio", required: true, status: "FAIL", estimate: 1.31 };
const errors: Gate = { kind: "rate", required: true, status: "FAIL", estimate: 0.02 };
const optional: Gate = { kind: "ratio", required: false, status: "FAIL", estimate: 2 };

interface Given {
  readonly policy?: string | null;
  readonly status?: VerdictStatus;
  readonly pairs?: number;
  readonly gates?: readonly Gate[];
  readonly at?: string;
}

/** The parts of a report that are read. */
function report({
  policy = "default/p",
  status = "PASS",
  pairs = 10,
  gates = [typical],
  at = "2026-11-30T12:00:00.000Z",
}: Given = {}): ShadowReport {
  return {
    evaluation: { policy, ended_at: at },
    verdict: { status },
    funnel: { used: pairs },
    gates,
  } as unknown as ShadowReport;
}

describe("the verdicts of policies", () => {
  test("are those of the reports", () => {
    const verdicts = new PolicyVerdicts().update([report(), report({ policy: null })]);
    expect([...verdicts]).toEqual([
      [
        "default/p",
        { verdict: "PASS", pairs: 10, ratio: 1.023, reportedAt: "2026-11-30T12:00:00Z" },
      ],
    ]);
  });

  test.each([
    {
      name: "the first required one",
      gates: [optional, typical, tail],
      status: "PASS" as const,
      want: 1.023,
    },
    {
      name: "the one that has failed",
      gates: [typical, tail],
      status: "FAIL" as const,
      want: 1.31,
    },
    {
      name: "none, if a rate has failed",
      gates: [typical, errors],
      status: "FAIL" as const,
      want: undefined,
    },
    {
      name: "none, if nothing is known yet",
      gates: [{ ...typical, estimate: null }],
      status: "INCONCLUSIVE" as const,
      want: undefined,
    },
  ])("have the ratio of a gate: $name", ({ gates, status, want }) => {
    const verdicts = new PolicyVerdicts().update([report({ gates, status })]);
    expect(verdicts.get("default/p")?.ratio).toBe(want);
  });

  test("of a policy with several candidates are the worst of them", () => {
    const statuses = ["PASS", "INCONCLUSIVE", "FAIL", "INVALID"] as const;
    const verdicts = new PolicyVerdicts().update(
      statuses.map((status, pairs) => report({ status, pairs })),
    );
    expect(verdicts.get("default/p")).toMatchObject({ verdict: "FAIL", pairs: 2 });
  });

  test("are the same while only the time of the report changes", () => {
    const verdicts = new PolicyVerdicts();
    const first = verdicts.update([report()]);
    expect(verdicts.update([report({ at: "2026-11-30T12:00:10.000Z" })])).toBe(first);
    const later = verdicts.update([report({ at: "2026-11-30T12:00:20.000Z", pairs: 11 })]);
    expect(later).not.toBe(first);
    expect(later.get("default/p")).toMatchObject({ pairs: 11, reportedAt: "2026-11-30T12:00:20Z" });
    expect([...verdicts.update([])]).toEqual([]);
  });
});
