import type { Explanation } from "@umbra/scheduler";

/** A request, and how it would be picked. */
export interface Explained {
  readonly pool: string;
  /** As the scheduler was told of it. */
  readonly request: object;
  readonly explanation: Explanation;
}
