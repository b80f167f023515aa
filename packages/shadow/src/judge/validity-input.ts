import type { EvaluationConfig } from "./config.ts";
import type { EvaluationFacts } from "./input.ts";
import type { Partition } from "./partition.ts";
import type { PairTable } from "./table.ts";

/** Input of the checks. */
export interface ValidityInput {
  readonly table: PairTable;
  readonly part: Partition;
  readonly facts: EvaluationFacts;
  readonly config: EvaluationConfig;
  /** The planned end is reached. Before it, a check outside of its limits is only at risk. */
  readonly isFinal: boolean;
}
