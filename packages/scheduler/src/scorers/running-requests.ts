import { runningRequests } from "../model/load.ts";
import type { Scorer } from "../plugin.ts";
import { lessIsBetter } from "./spread.ts";

/**
 * Prefers small running batches, relative to the candidates'. An endpoint without fresh metrics scores by its requests
 * in flight: below an idle one.
 */
export const runningRequestsScorer: Scorer = lessIsBetter("running-requests", runningRequests);
