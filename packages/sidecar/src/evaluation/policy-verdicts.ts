import type { PolicyVerdict } from "@umbra/envoy-config";
import type { GateResult, ShadowReport, VerdictStatus } from "@umbra/shadow";

/** The worst verdict of a policy's candidates is the policy's. */
const badness: Readonly<Record<VerdictStatus, number>> = {
  FAIL: 3,
  INVALID: 2,
  INCONCLUSIVE: 1,
  PASS: 0,
};

/**
 * What evaluations have found for each ShadowPolicy, in the words of the report. While neither the verdict nor the pairs
 * change, the time stays that of the report that first had them: a status is not written for a time alone.
 */
export class PolicyVerdicts {
  #verdicts: ReadonlyMap<string, PolicyVerdict> = new Map();

  /** Returns the verdicts by `<namespace>/<name>` of the policy: the same map if nothing has changed. */
  update(reports: readonly ShadowReport[]): ReadonlyMap<string, PolicyVerdict> {
    const next = new Map<string, PolicyVerdict>();
    for (const [policy, own] of Map.groupBy(reports, ({ evaluation }) => evaluation.policy)) {
      const [worst] = own.toSorted((a, b) => badness[b.verdict.status] - badness[a.verdict.status]);
      if (policy === null || worst === undefined) continue;
      const found = verdictOf(worst);
      const before = this.#verdicts.get(policy);
      next.set(policy, before !== undefined && isSame(before, found) ? before : found);
    }
    const isUnchanged =
      next.size === this.#verdicts.size &&
      [...next].every(([policy, each]) => this.#verdicts.get(policy) === each);
    if (!isUnchanged) this.#verdicts = next;
    return this.#verdicts;
  }
}

function verdictOf({ verdict, funnel, gates, evaluation }: ShadowReport): PolicyVerdict {
  const ratio = decidingGate(gates, verdict.status)?.estimate;
  return {
    verdict: verdict.status,
    pairs: funnel.used,
    ...(typeof ratio === "number" ? { ratio: Math.round(ratio * 1_000) / 1_000 } : {}),
    // RFC 3339 in seconds, as the API server has times.
    reportedAt: `${evaluation.ended_at.slice(0, 19)}Z`,
  };
}

/** The gate that has failed, else the first required one with a ratio. Undefined if a rate has failed. */
function decidingGate(gates: readonly GateResult[], status: VerdictStatus): GateResult | undefined {
  const required = gates.filter((gate) => gate.required);
  const failed = required.filter((gate) => gate.status === "FAIL");
  const deciding = status === "FAIL" && failed.length > 0 ? failed : required;
  return deciding.find(({ kind, estimate }) => kind === "ratio" && estimate !== null);
}

function isSame(before: PolicyVerdict, after: PolicyVerdict): boolean {
  return (
    before.verdict === after.verdict && before.pairs === after.pairs && before.ratio === after.ratio
  );
}
