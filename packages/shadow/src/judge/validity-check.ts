import type { ValidityCheck } from "../report/shadow-report.ts";
import type { Bounds } from "../statistics/confidence-sequence.ts";

export interface CheckInput
  extends Pick<ValidityCheck, "id" | "text" | "value" | "limits" | "effect"> {
  /** Of the value. Absent: the value is no estimate, or there is too little for one. */
  readonly bounds?: Bounds | undefined;
  /** False: what is outside of the limits is at risk, and not broken. True when absent. */
  readonly isFinal?: boolean;
  /** Why it can't be told. */
  readonly note?: string | null;
  /** What to do when it is outside of its limits. */
  readonly help?: string;
}

/** A check is outside of its limits when its bounds are: a point outside may be chance. */
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
