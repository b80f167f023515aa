import { runningRequests } from "../model/load.ts";
import type { Scorer } from "../plugin.ts";
import { lessIsBetter } from "./spread.ts";

/**
 * Prefers small running batches, relative to the other endpoints. The batch of an endpoint without fresh metrics is
 * estimated from its requests in flight, so it scores below an idle endpoint.
 */
export const runningRequestsScorer: Scorer = lessIsBetter("running-requests", runningRequests);
