import type { EvaluationSettings, GateId } from "@umbra/shadow";
import type { Traffic } from "./traffic/traffic.ts";
import type { Truth } from "./truth.ts";

/** One row of a table: traffic and truth that are simulated many times. */
export interface Cell {
  /** Unique; `--cell` takes a part of it. */
  readonly name: string;
  /** Changes to `independent` traffic. */
  readonly traffic: Partial<Traffic>;
  readonly truth: Truth;
  readonly settings?: EvaluationSettings;
  /**
   * `live`: an interim analysis each 5 s, as live. `end`: one at the planned end, where only a PASS is asked about. `stages`: the
   * same, and as long as the verdict is INCONCLUSIVE another at twice and at four times the planned length.
   */
  readonly looks: "live" | "end" | "stages";
  /** What is true of it, and so what is demanded. */
  readonly claim: Claim;
  /** Whether the other methods judge it as well. */
  readonly isCompared?: boolean;
  /** Share of a form's runs that it gets; 1 when absent. For runs that cost more. */
  readonly runs?: number;
  readonly table: TableName;
  /** Takes too long for all but the longest form. */
  readonly isLong?: boolean;
}

export type Claim =
  /** The lanes are equal. `passes`: share of runs that must pass at least. */
  | { readonly kind: "equal"; readonly passes?: number }
  /** The experiment is sound, whatever its verdict. */
  | { readonly kind: "sound" }
  /** The shadow is exactly as bad as this gate lets through. */
  | { readonly kind: "margin"; readonly gate: GateId; readonly isStationary: boolean }
  /** The shadow is worse. `passes`: share of runs that may pass; `fails`: that must fail; `beforeS`: their median. */
  | {
      readonly kind: "worse";
      readonly passes?: number;
      readonly fails?: number;
      readonly beforeS?: number;
    }
  /** Nothing is demanded. */
  | { readonly kind: "shown" };

export type TableName = "typical" | "course" | "tails" | "verdicts" | "rates" | "checks";

/** A gate that is required although it need not be by default: only then it can be missed. */
export function requiring(gate: GateId): EvaluationSettings {
  return { gates: { [gate]: { required: true } } };
}
