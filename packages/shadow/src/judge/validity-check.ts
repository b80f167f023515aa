import type { ValidityCheck } from "../report/shadow-report.ts";
import type { Bounds } from "../statistics/confidence-sequence.ts";

export interface CheckInput
  extends Pick<ValidityCheck, "id" | "text" | "value" | "limits" | "effect"> {
  /** Bounds of the value; absent if it is not an estimate or there is too little data. */
  readonly bounds?: Bounds | undefined;
  /** If false, a value outside of the limits is reported as at risk, not as broken. True when absent. */
  readonly isFinal?: boolean;
  /** Why the value is unknown. */
  readonly note?: string | null;
  /** What to do if the value is outside of its limits. */
  readonly help?: string;
}

/**
 * Creates a check. It is outside of its limits only if its bounds are, because a single estimate outside may be chance.
 */
export function checkOf(input: CheckInput): ValidityCheck {
  const { id, text, value, limits, effect, bounds, isFinal = true, note = null, help } = input;
  const isKnown = value !== null && Number.isFinite(value);
  const lower = bounds?.lower ?? value;
  const upper = bounds?.upper ?? value;
  const [low, high] = limits ?? [null, null];
  const isBroken =
    isKnown &&
    ((low !== null && (upper ?? low) < low) || (high !== null && (lower ?? high) > high));
  const isTold = isKnown && limits !== null;
  return {
    id,
    text,
    value: isKnown ? value : null,
    limits,
    lower: isKnown ? (bounds?.lower ?? null) : null,
    upper: isKnown ? (bounds?.upper ?? null) : null,
    ok: !isTold || (isBroken && !isFinal) ? null : !isBroken,
    at_risk: isBroken && !isFinal,
    note: isBroken ? (help ?? note) : note,
    effect,
  };
}
