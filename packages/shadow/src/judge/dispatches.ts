import { isCensored } from "../measure/leg.ts";
import type { ReportFunnel } from "../report/shadow-report.ts";
import type { DropReason, Sample, SampleLeg } from "../samples/sample.ts";

/** Size and outcome of each request that was drawn for mirroring, by index. */
export interface Dispatches {
  readonly atMs: readonly number[];
  readonly outcome: readonly Outcome[];
  /** Logarithm of the body's size in bytes; NaN if unknown. */
  readonly logBytes: readonly number[];
  /** Prompt tokens of all measured twins. */
  readonly promptTokens: number;
  readonly outputTokens: number;
}

export type Outcome =
  | { readonly kind: "paired"; readonly unused: string | undefined }
  | { readonly kind: "lost" }
  /** The gateway never sent the twin. */
  | { readonly kind: "unsent" }
  /** The copy was sent, and we had no room to measure its answer. */
  | { readonly kind: "unmeasured" }
  | { readonly kind: "dropped"; readonly reason: DropReason };

/** Collects samples one by one and ignores those that were not drawn. */
export class DispatchBuilder implements Dispatches {
  readonly atMs: number[] = [];
  readonly outcome: Outcome[] = [];
  readonly logBytes: number[] = [];
  promptTokens = 0;
  outputTokens = 0;

  add(sample: Sample, baseline: SampleLeg | undefined): void {
    const outcome = outcomeOf(sample, baseline);
    if (outcome === undefined) return;
    this.promptTokens += sample.shadow?.promptTokens ?? 0;
    this.outputTokens += sample.shadow?.outTokens ?? 0;
    this.atMs.push(sample.t0);
    this.outcome.push(outcome);
    const { promptBytes } = sample.primary;
    this.logBytes.push(
      promptBytes === null || promptBytes <= 0 ? Number.NaN : Math.log(promptBytes),
    );
  }
}

const lost: Outcome = { kind: "lost" };
const notSent: Outcome = { kind: "unsent" };
const unmeasured: Outcome = { kind: "unmeasured" };

function outcomeOf(
  { mirrored, drop, shadow, unsent, unmeasured: isUnmeasured }: Sample,
  baseline: SampleLeg | undefined,
): Outcome | undefined {
  if (mirrored && shadow === null && isUnmeasured === true) return unmeasured;
  if (mirrored && shadow === null) return unsent === true ? notSent : lost;
  if (shadow !== null) return { kind: "paired", unused: unusedFor(baseline, shadow) };
  return drop === null ? undefined : { kind: "dropped", reason: drop };
}

/** Why a pair's latencies are not compared; undefined if they are. */
function unusedFor(baseline: SampleLeg | undefined, shadow: SampleLeg): string | undefined {
  if (baseline === undefined) return "no_control";
  if (isCensored(baseline.class)) return baseline.class ?? undefined;
  if (isCensored(shadow.class)) return shadow.class ?? undefined;
  if (baseline.class !== "ok" || shadow.class !== "ok") return "error";
  if ((baseline.attempts ?? 1) > 1 || (shadow.attempts ?? 1) > 1) return "retried";
  return baseline.stream === shadow.stream ? undefined : "other_kind";
}

/** Counts pairs before `fromMs`, and later ones that are not used, by reason. */
export function lossesOf(
  { atMs, outcome }: Dispatches,
  fromMs: number,
): Required<Pick<ReportFunnel, "lost" | "unsent" | "unmeasured" | "warmup" | "not_used">> {
  const notUsed: Record<string, number> = {};
  const count = { lost: 0, unsent: 0, unmeasured: 0, dropped: 0, paired: 0 };
  let warmup = 0;
  outcome.forEach((each, i) => {
    count[each.kind]++;
    if (each.kind !== "paired") return;
    if ((atMs[i] ?? 0) < fromMs) warmup++;
    else if (each.unused !== undefined) notUsed[each.unused] = (notUsed[each.unused] ?? 0) + 1;
  });
  const { lost, unsent, unmeasured } = count;
  return { lost, unsent, unmeasured, warmup, not_used: notUsed };
}
