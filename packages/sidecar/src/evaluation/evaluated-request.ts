import type { SampleComparison } from "@umbra/shadow";
import type { TakenPair } from "../answers/text-places.ts";
import type { MirrorGate } from "../mirror/mirror-gate.ts";

/** A request with twins, or one that could have had twins. */
export interface EvaluatedRequest {
  /** The mirror's controller when the request was picked. */
  gateOf(mirror: string): MirrorGate | undefined;
  /** What the answers of a pair say; undefined if they are not to be compared. */
  comparisonOf?(mirror: string): SampleComparison | undefined;
  /** The pair's draw for a judge, once: the caller releases it. Undefined if it was not drawn. */
  takeDrawn?(mirror: string): TakenPair | undefined;
}
