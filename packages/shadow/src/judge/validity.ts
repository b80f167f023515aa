import type { ValidityCheck } from "../report/shadow-report.ts";
import type { EvaluationConfig } from "./config.ts";
import type { EvaluationFacts } from "./input.ts";
import type { Partition } from "./partition.ts";
import { type Protection, primaryProtection } from "./protection.ts";
import { type GateContext, pairedValues } from "./ratio-gate.ts";
import type { PairTable } from "./table.ts";

/** Too few to say anything about a share. */
const minCount = 20;

/** Checks of the experiment itself: a broken one has no verdict. */
export function checkValidity(
  table: PairTable,
  part: Partition,
  facts: EvaluationFacts,
  { config }: Pick<GateContext, "config">,
): { readonly checks: readonly ValidityCheck[]; readonly protection: Protection } {
  const protection = primaryProtection(
    part.primaries,
    part.judgedFromMs,
    config.blockLengthsMs[0] ?? 10_000,
    config.alpha,
  );
  const checks = [
    pairingRate(part),
    ownDrops(part, facts),
    dropBias(part),
    loadRatio(facts, config),
    cachedShare(table),
    provenanceMix(table),
    protectionCheck(protection),
    drift(table),
    cancelRate(table),
    mirrorLag(table),
  ];
  return { checks, protection };
}

type Limits = readonly [number | null, number | null];

function check(
  id: string,
  effect: ValidityCheck["effect"],
  text: string,
  value: number | null,
  limits: Limits | null,
): ValidityCheck {
  const known = value !== null && Number.isFinite(value);
  const [low, high] = limits ?? [null, null];
  const isInside = known && (low === null || value >= low) && (high === null || value <= high);
  return {
    id,
    text,
    value: known ? value : null,
    limits,
    ok: known && limits !== null ? isInside : null,
    effect,
  };
}

function pairingRate({ counts }: Partition): ValidityCheck {
  const value = counts.mirrored < minCount ? null : counts.paired / counts.mirrored;
  return check("pairing_rate", "invalid", "mirrored requests whose twin was seen", value, [
    0.95,
    null,
  ]);
}

/** Only drops that choose among requests: a spent budget ends the whole, a pause is somebody's will. */
function ownDrops({ counts }: Partition, facts: EvaluationFacts): ValidityCheck {
  const dropped = facts.counts?.dropped ?? counts.dropped;
  const chosen = (dropped.concurrency ?? 0) + (dropped.rate ?? 0) + (dropped.size ?? 0);
  const due = (facts.counts?.dispatched ?? counts.mirrored) + chosen;
  const value = due < minCount ? null : chosen / due;
  return check("own_drops", "invalid", "requests dropped by the mirror's own limits", value, [
    null,
    0.05,
  ]);
}

function dropBias({ keptSize, droppedSize }: Partition): ValidityCheck {
  const isKnown = keptSize.n >= minCount && droppedSize.n >= minCount;
  const value = isKnown ? droppedSize.mean - keptSize.mean : null;
  const text = "log size of dropped against mirrored requests";
  return check("drop_bias", "invalid", text, value, [-0.1, 0.1]);
}

function loadRatio({ loadRatio }: EvaluationFacts, config: EvaluationConfig): ValidityCheck {
  const effect = config.allowsLoadMismatch ? "warning" : "inconclusive";
  const text = "requests per replica, shadow over primary";
  return check("load_ratio", effect, text, loadRatio ?? null, [0.8, 1.25]);
}

function cachedShare({ baseline, shadow, isUsed, size }: PairTable): ValidityCheck {
  let [n, difference] = [0, 0];
  for (let i = 0; i < size; i++) {
    const first = (baseline.cachedTokens[i] ?? Number.NaN) / (baseline.promptTokens[i] ?? 0);
    const second = (shadow.cachedTokens[i] ?? Number.NaN) / (shadow.promptTokens[i] ?? 0);
    if (isUsed[i] !== 1 || !Number.isFinite(first) || !Number.isFinite(second)) continue;
    n++;
    difference += second - first;
  }
  const value = n < minCount ? null : difference / n;
  const text = "share of prompt tokens found in the prefix cache, shadow minus primary";
  return check("cached_share", "invalid", text, value, [-0.1, 0.1]);
}

function provenanceMix({ isUsed, isUsage, size }: PairTable): ValidityCheck {
  let [used, usage] = [0, 0];
  for (let i = 0; i < size; i++) {
    if (isUsed[i] !== 1) continue;
    used++;
    if (isUsage[i] === 1) usage++;
  }
  const value = used < minCount ? null : Math.min(usage, used - usage) / used;
  const text = "pairs whose tokens were counted in another way than most";
  return check("token_provenance", "warning", text, value, [null, 0.05]);
}

function protectionCheck({ lower }: Protection): ValidityCheck {
  const text = "primary latency of mirrored over unmirrored requests, lower bound";
  return check("primary_protection", "invalid", text, lower, [null, 1.02]);
}

/** First third of the pairs against the last: more than two standard errors apart is a trend. */
function drift(table: PairTable): ValidityCheck {
  const { logRatio } = pairedValues(table, "e2e");
  const third = Math.floor(logRatio.length / 3);
  const text = "drift: last third against first third of the run, in standard errors";
  if (third < 50) return check("drift", "warning", text, null, [-2, 2]);
  const [first, last] = [spreadOf(logRatio.slice(0, third)), spreadOf(logRatio.slice(-third))];
  const error = Math.sqrt(first.variance / third + last.variance / third);
  const value = error === 0 ? 0 : (last.mean - first.mean) / error;
  return check("drift", "warning", text, value, [-2, 2]);
}

function spreadOf(values: Float64Array): { readonly mean: number; readonly variance: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, variance: squares / (values.length - 1) };
}

function cancelRate({ size, baseline }: PairTable): ValidityCheck {
  const cancelled = baseline.classes.filter((each) => each === "client_cancelled").length;
  const value = size < minCount ? null : cancelled / size;
  return check("cancel_rate", "warning", "pairs whose client went away", value, null);
}

function mirrorLag({ lag }: PairTable): ValidityCheck {
  const known = lag.filter((value) => Number.isFinite(value)).sort();
  const text = "median time in ms from the primary's dispatch to the shadow's";
  return check("mirror_lag_ms", "warning", text, known[known.length >> 1] ?? null, null);
}
