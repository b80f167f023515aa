import type { Scorer } from "../plugin.ts";
import { lessIsBetter } from "./spread.ts";

/**
 * An endpoint without a recent latency is neither preferred nor avoided: otherwise a burst would go there before its
 * first answer.
 */
const unknownLatency = 0.5;

/** Prefers endpoints with a short recent time to first token, relative to the other endpoints. */
export const latencyScorer: Scorer = lessIsBetter(
  "latency",
  ({ ttftMs }) => ttftMs,
  unknownLatency,
);
