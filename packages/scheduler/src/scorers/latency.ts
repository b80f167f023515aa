import type { Scorer } from "../plugin.ts";
import { lessIsBetter } from "./spread.ts";

/** One that has not answered lately is neither preferred nor avoided: a burst would else go there before it answers. */
const unknownLatency = 0.5;

/** Prefers endpoints whose first tokens came soon lately, relative to the candidates'. */
export const latencyScorer: Scorer = lessIsBetter(
  "latency",
  ({ ttftMs }) => ttftMs,
  unknownLatency,
);
