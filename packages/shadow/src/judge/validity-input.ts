import type { EvaluationConfig } from "./config.ts";
import type { EvaluationFacts } from "./input.ts";
import type { Partition } from "./partition.ts";
import type { PairTable } from "./table.ts";

/** What the checks look at. */
export interface ValidityInput {
  readonly table: PairTable;
  readonly part: Partition;
  readonly facts: EvaluationFacts;
  readonly config: EvaluationConfig;
  /** The planned end is there: until then a check outside of its limits is at risk, and nothing more. */
  readonly isFinal: boolean;
}
