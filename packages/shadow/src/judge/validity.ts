import type { ValidityCheck } from "../report/shadow-report.ts";
import type { EvaluationConfig } from "./config.ts";
import type { EvaluationFacts } from "./input.ts";
import type { Partition } from "./partition.ts";
import { primaryProtection } from "./protection.ts";
import { pairedValues } from "./ratio-gate.ts";
import { countOf, type PairTable } from "./table.ts";

/** Too few to say anything about a share. */
const minCount = 20;

/** Checks of the experiment itself: a broken one has no verdict. */
export function checkValidity(
  table: PairTable,
  part: Partition,
  facts: EvaluationFacts,
  config: EvaluationConfig,
): readonly ValidityCheck[] {
  return [
    pairingRate(part),
    ownDrops(part, facts),
    dropBias(part),
    loadRatio(facts, config),
    cachedShare(table),
    provenanceMix(table),
    protection(part, config),
    drift(table),
    cancelRate(table),
    mirrorLag(table),
  ];
}

type Check = (
  id: string,
  text: string,
  value: number | null,
  limits: ValidityCheck["limits"],
) => ValidityCheck;

const checkOf =
  (effect: ValidityCheck["effect"]): Check =>
  (id, text, value, limits) => {
    const known = value !== null && Number.isFinite(value);
    const [low, high] = limits ?? [null, null];
    const isInside = known && (low === null || value >= low) && (high === null || value <= high);
    const ok = known && limits !== null ? isInside : null;
    return { id, text, value: known ? value : null, limits, ok, effect };
  };

const invalid = checkOf("invalid");
const warning = checkOf("warning");

function pairingRate({ counts }: Partition): ValidityCheck {
  const value = counts.mirrored < minCount ? null : counts.paired / counts.mirrored;
  return invalid("pairing_rate", "mirrored requests whose twin was seen", value, [0.95, null]);
}

/** Only drops that choose among requests: a spent budget ends the whole, a pause is somebody's will. */
function ownDrops({ counts }: Partition, facts: EvaluationFacts): ValidityCheck {
  const dropped = facts.counts?.dropped ?? counts.dropped;
  const chosen = (dropped.concurrency ?? 0) + (dropped.rate ?? 0) + (dropped.size ?? 0);
  const due = (facts.counts?.dispatched ?? counts.mirrored) + chosen;
  const value = due < minCount ? null : chosen / due;
  return invalid("own_drops", "requests dropped by the mirror's own limits", value, [null, 0.05]);
}

function dropBias({ keptSize, droppedSize }: Partition): ValidityCheck {
  const isKnown = keptSize.n >= minCount && droppedSize.n >= minCount;
  const value = isKnown ? droppedSize.mean - keptSize.mean : null;
  const text = "log size of dropped against mirrored requests";
  return invalid("drop_bias", text, value, [-0.1, 0.1]);
}

function loadRatio({ loadRatio }: EvaluationFacts, config: EvaluationConfig): ValidityCheck {
  const effect = config.allowsLoadMismatch ? "warning" : "inconclusive";
  const text = "requests per replica, shadow over primary";
  return checkOf(effect)("load_ratio", text, loadRatio ?? null, [0.8, 1.25]);
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
  return invalid("cached_share", text, value, [-0.1, 0.1]);
}

function provenanceMix({ isUsed, isUsage }: PairTable): ValidityCheck {
  const used = countOf(isUsed);
  const usage = countOf(isUsage.filter((_, i) => isUsed[i] === 1));
  const value = used < minCount ? null : Math.min(usage, used - usage) / used;
  const text = "pairs whose tokens were counted in another way than most";
  return warning("token_provenance", text, value, [null, 0.05]);
}

function protection({ primaries, judgedFromMs }: Partition, config: EvaluationConfig) {
  const blockMs = config.blockLengthsMs[0] ?? 10_000;
  const lower = primaryProtection(primaries, judgedFromMs, blockMs, config.alpha);
  const text = "primary latency of mirrored over unmirrored requests, lower bound";
  return invalid("primary_protection", text, lower, [null, 1.02]);
}

/** First third of the pairs against the last: more than two standard errors apart is a trend. */
function drift(table: PairTable): ValidityCheck {
  const { logRatio } = pairedValues(table, "e2e");
  const third = Math.floor(logRatio.length / 3);
  const text = "drift: last third against first third of the run, in standard errors";
  if (third < 50) return warning("drift", text, null, [-2, 2]);
  const [first, last] = [spreadOf(logRatio.slice(0, third)), spreadOf(logRatio.slice(-third))];
  const error = Math.sqrt(first.variance / third + last.variance / third);
  const value = error === 0 ? 0 : (last.mean - first.mean) / error;
  return warning("drift", text, value, [-2, 2]);
}

function spreadOf(values: Float64Array): { readonly mean: number; readonly variance: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, variance: squares / (values.length - 1) };
}

function cancelRate({ size, baseline }: PairTable): ValidityCheck {
  const cancelled = baseline.classes.filter((each) => each === "client_cancelled").length;
  const value = size < minCount ? null : cancelled / size;
  return warning("cancel_rate", "pairs whose client went away", value, null);
}

function mirrorLag({ lag }: PairTable): ValidityCheck {
  const known = lag.filter((value) => Number.isFinite(value)).sort();
  const text = "median time in ms from the primary's dispatch to the shadow's";
  return warning("mirror_lag_ms", text, known[known.length >> 1] ?? null, null);
}
