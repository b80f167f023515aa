import type { ValidityCheck } from "../report/shadow-report.ts";
import { clopperPearson } from "../statistics/binomial.ts";
import type { Bounds } from "../statistics/confidence-sequence.ts";
import { placesFor } from "../statistics/erlang.ts";
import { studentQuantile } from "../statistics/student-t.ts";
import { blockMean, boundsOf } from "./block-mean.ts";
import type { Outcome } from "./dispatches.ts";
import { checkOf } from "./validity-check.ts";
import type { ValidityInput } from "./validity-input.ts";

/** Confidence of each bound of a check. */
const confidence = 0.99;
/** Fewest requests for an estimate of a share. */
const minCount = 20;

export function checkPairing(input: ValidityInput): ValidityCheck {
  const { value, bounds } = shareOf(input, ({ kind }) =>
    kind === "dropped" ? undefined : kind === "paired",
  );
  return checkOf({
    id: "pairing_rate",
    text: "mirrored requests with a recorded shadow response",
    ...{ value, bounds, limits: [0.95, null], effect: "invalid", isFinal: input.isFinal },
    help: "find out where twins are lost: the shadow's endpoints, or the gateway's mirror",
  });
}

/**
 * Checks the share of twins that were never sent. Gates leave them out, so they must be rare: how the shadow would have
 * served them is unknown.
 */
export function checkUnsent(input: ValidityInput): ValidityCheck {
  const { value, bounds } = shareOf(input, ({ kind }) =>
    kind === "dropped" ? undefined : kind === "unsent",
  );
  return checkOf({
    id: "unsent",
    text: "mirrored requests whose twin never reached the shadow's picker",
    ...{ value, bounds, limits: [null, 0.005], effect: "inconclusive", isFinal: input.isFinal },
    help: "the gateway did not send all twins, and the gates leave these out: raise its limits for the mirror (connections, pending requests) or mirror a smaller share, then start a new evaluation",
  });
}

/** Drop reasons that can bias which requests are compared. A spent budget or a pause affects all requests. */
const chosenDrops: ReadonlySet<string> = new Set(["concurrency", "rate"]);

export function checkOwnDrops(input: ValidityInput): ValidityCheck {
  const { value, bounds } = shareOf(input, (outcome) => {
    if (outcome.kind !== "dropped") return false;
    return chosenDrops.has(outcome.reason) ? true : undefined;
  });
  return checkOf({
    id: "own_drops",
    text: "requests dropped by the mirror's limits (concurrency, rate)",
    ...{ value, bounds, limits: [null, 0.05], effect: "invalid", isFinal: input.isFinal },
    help: roomFor(input) ?? "raise budget.maxRequestsPerSecond, or mirror a smaller share",
  });
}

/**
 * Value of `maxInFlight` that would drop 1 %, by Erlang's loss formula; undefined if `maxInFlight` does not cause the
 * drops.
 */
function roomFor({ part, table }: ValidityInput): string | undefined {
  const { outcome, atMs } = part.dispatches;
  const isCrowded = outcome.some(
    (each) => each.kind === "dropped" && each.reason === "concurrency",
  );
  const times = table.shadow.e2e.filter((value) => Number.isFinite(value));
  const seconds = (part.nowMs - part.startedAtMs) / 1_000;
  if (!isCrowded || times.length === 0 || seconds <= 0) return undefined;
  const e2eS = times.reduce((sum, value) => sum + value, 0) / times.length / 1_000;
  const perSecond = atMs.length / seconds;
  const places = placesFor(perSecond * e2eS, 0.01);
  return `with E2E of ${Number(e2eS.toPrecision(3))} s and ${Number(perSecond.toPrecision(3))} mirrored requests/s, raise budget.maxInFlight to ${places}, or mirror a smaller share`;
}

/**
 * Checks the share of requests that are too large. It is no fault: they are not compared, and the report shows their
 * share.
 */
export function checkSize(input: ValidityInput): ValidityCheck {
  const { value, bounds } = shareOf(input, (outcome) => {
    if (outcome.kind !== "dropped") return false;
    return outcome.reason === "size" ? true : undefined;
  });
  return checkOf({
    id: "oversize",
    text: "requests over budget.maxBodyBytes, which are not compared",
    ...{ value, bounds, limits: null, effect: "warning" },
  });
}

/**
 * Checks how much drops shifted the mean log size of the compared requests: the dropped share times the difference
 * between dropped and mirrored requests. A few drops of a different size do no harm, and neither do many of the same
 * size.
 */
export function checkDropBias(input: ValidityInput): ValidityCheck {
  const { dispatches, judgedFromMs } = input.part;
  const [kept, dropped]: [number[], number[]] = [[], []];
  dispatches.outcome.forEach((outcome, i) => {
    const size = dispatches.logBytes[i] ?? Number.NaN;
    if (Number.isNaN(size) || (dispatches.atMs[i] ?? 0) < judgedFromMs) return;
    if (outcome.kind !== "dropped") kept.push(size);
    else if (chosenDrops.has(outcome.reason)) dropped.push(size);
  });
  const isKnown = kept.length >= minCount && dropped.length >= minCount;
  const found = isKnown ? harmOf(kept, dropped) : undefined;
  return checkOf({
    id: "drop_bias",
    text: "shift of the mean log size of compared requests by drops",
    value: found?.value ?? null,
    bounds: found?.bounds,
    limits: [-0.02, 0.02],
    effect: "invalid",
    isFinal: input.isFinal,
    ...(isKnown ? {} : { note: `needs ${minCount} drops, has ${dropped.length}` }),
    help: "drops change what is compared: raise budget.maxInFlight or budget.maxRequestsPerSecond",
  });
}

/** Shift with Welch's interval. It is negative if large requests are dropped. */
function harmOf(kept: readonly number[], dropped: readonly number[]) {
  const share = dropped.length / (kept.length + dropped.length);
  const [a, b] = [momentsOf(kept), momentsOf(dropped)];
  const variance = a.perMean + b.perMean;
  const freedom =
    variance ** 2 / (a.perMean ** 2 / (kept.length - 1) + b.perMean ** 2 / (dropped.length - 1));
  const radius =
    variance === 0 ? 0 : studentQuantile((1 + confidence) / 2, freedom) * Math.sqrt(variance);
  const difference = a.mean - b.mean;
  return {
    value: share * difference,
    bounds: { lower: share * (difference - radius), upper: share * (difference + radius) },
  };
}

function momentsOf(values: readonly number[]) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, perMean: squares / (values.length - 1) / values.length };
}

/**
 * Share of requests after the warm-up for which `is` returns true; requests for which it returns undefined are left
 * out. Bounds are the wider of Clopper-Pearson and blocks of time, because drops and losses are clustered.
 */
function shareOf(
  { part, config }: ValidityInput,
  is: (outcome: Outcome) => boolean | undefined,
): { readonly value: number | null; readonly bounds: Bounds | undefined } {
  const { dispatches, judgedFromMs } = part;
  const found: { at: number; value: number }[] = [];
  dispatches.outcome.forEach((outcome, i) => {
    const at = dispatches.atMs[i] ?? 0;
    const holds = at < judgedFromMs ? undefined : is(outcome);
    if (holds !== undefined) found.push({ at, value: Number(holds) });
  });
  const n = found.length;
  if (n < minCount) return { value: null, bounds: undefined };
  found.sort((a, b) => a.at - b.at);
  const values = found.map(({ value }) => value);
  const events = values.reduce((sum, value) => sum + value, 0);
  const exact = clopperPearson(events, n, confidence);
  const times = found.map(({ at }) => at);
  const mean = blockMean(times, values, config.blockLengthsMs[0] ?? 10_000);
  if (mean === undefined) return { value: events / n, bounds: exact };
  const blocked = boundsOf(mean, confidence);
  const lower = Math.max(0, Math.min(exact.lower, blocked.lower));
  const upper = Math.min(1, Math.max(exact.upper, blocked.upper));
  return { value: events / n, bounds: { lower, upper } };
}
