import type { ValidityCheck } from "../report/shadow-report.ts";
import { blockMean, boundsOf } from "./block-mean.ts";
import type { EvaluationConfig } from "./config.ts";
import { checkDrift } from "./drift.ts";
import {
  checkDropBias,
  checkOwnDrops,
  checkPairing,
  checkSize,
  checkUnsent,
} from "./drop-checks.ts";
import type { EvaluationFacts } from "./input.ts";
import { primaryProtection } from "./protection.ts";
import { countOf, type PairTable } from "./table.ts";
import { checkOf } from "./validity-check.ts";
import type { ValidityInput } from "./validity-input.ts";

/** Fewest requests for an estimate of a share. */
const minCount = 20;

/** Checks the experiment itself: a broken experiment has no verdict. */
export function checkValidity(input: ValidityInput): readonly ValidityCheck[] {
  const { table, facts, config } = input;
  return [
    checkPairing(input),
    checkUnsent(input),
    checkOwnDrops(input),
    checkDropBias(input),
    checkSize(input),
    loadRatio(facts, config),
    cachedShare(input),
    provenanceMix(table),
    protection(input),
    checkDrift(input),
    cancelRate(table),
    mirrorLag(table),
  ];
}

function loadRatio({ loadRatio }: EvaluationFacts, config: EvaluationConfig): ValidityCheck {
  return checkOf({
    id: "load_ratio",
    text: "requests per replica, shadow over primary",
    value: loadRatio ?? null,
    limits: [0.8, 1.25],
    effect: config.allowsLoadMismatch ? "warning" : "inconclusive",
    ...(loadRatio === undefined ? { note: "needs a live sidecar and 100 requests" } : {}),
  });
}

/** Checks the cached shares. There is no upper limit: a better cache may be what the shadow is evaluated for. */
function cachedShare({ table, config, isFinal }: ValidityInput): ValidityCheck {
  const { baseline, shadow, isUsed, size, atMs } = table;
  const [times, differences]: [number[], number[]] = [[], []];
  for (let i = 0; i < size; i++) {
    const first = (baseline.cachedTokens[i] ?? Number.NaN) / (baseline.promptTokens[i] ?? 0);
    const second = (shadow.cachedTokens[i] ?? Number.NaN) / (shadow.promptTokens[i] ?? 0);
    if (isUsed[i] !== 1 || !Number.isFinite(first) || !Number.isFinite(second)) continue;
    times.push(atMs[i] ?? 0);
    differences.push(second - first);
  }
  const n = differences.length;
  const mean = blockMean(times, differences, config.blockLengthsMs[0] ?? 10_000);
  const value = differences.reduce((sum, each) => sum + each, 0) / n;
  return checkOf({
    id: "cached_share",
    text: "share of prompt tokens found in the prefix cache, shadow minus primary",
    value: n < minCount ? null : value,
    bounds: mean === undefined ? undefined : boundsOf(mean, 0.99),
    limits: [-0.1, null],
    effect: "inconclusive",
    isFinal,
    help: "the shadow's cache gets only a part of each conversation: sample by session, or compare the pairs with equal cached share",
  });
}

function provenanceMix({ isUsed, isUsage }: PairTable): ValidityCheck {
  const used = countOf(isUsed);
  const usage = countOf(isUsage.filter((_, i) => isUsed[i] === 1));
  return checkOf({
    id: "token_provenance",
    text: "pairs whose token counts come from another source than most",
    value: used < minCount ? null : Math.min(usage, used - usage) / used,
    limits: [null, 0.05],
    effect: "warning",
  });
}

/** Valid at every analysis, so it need not wait for the planned end: clients may be affected. */
function protection({ part, config, facts }: ValidityInput): ValidityCheck {
  const { estimate, lower, upper, note } = primaryProtection(part.primaries, {
    fromMs: part.judgedFromMs,
    blockMs: config.blockLengthsMs[0] ?? 10_000,
    alpha: 0.01,
  });
  const isAll = facts.sampling?.percent === 100;
  return checkOf({
    id: "primary_protection",
    text: "primary latency of mirrored over unmirrored requests",
    value: estimate,
    bounds: lower === null || upper === null ? undefined : { lower, upper },
    limits: [null, 1.02],
    effect: "invalid",
    note:
      isAll && note !== null
        ? "every request is mirrored, so there is no request to compare with"
        : note,
  });
}

function cancelRate({ size, baseline }: PairTable): ValidityCheck {
  const cancelled = baseline.classes.filter((each) => each === "client_cancelled").length;
  return checkOf({
    id: "cancel_rate",
    text: "pairs whose client disconnected",
    value: size < minCount ? null : cancelled / size,
    limits: null,
    effect: "warning",
  });
}

function mirrorLag({ lag }: PairTable): ValidityCheck {
  const known = lag.filter((value) => Number.isFinite(value)).sort();
  return checkOf({
    id: "mirror_lag_ms",
    text: "median time in ms from the primary's dispatch to the shadow's",
    value: known[known.length >> 1] ?? null,
    limits: null,
    effect: "warning",
  });
}
