import { runningRequests } from "../model/endpoint.ts";
import type { Scorer } from "../plugin.ts";
import { lessIsBetter } from "./spread.ts";

/** Prefers small running batches, relative to the candidates'. An endpoint without metrics scores 0. */
export const runningRequestsScorer: Scorer = lessIsBetter("running-requests", runningRequests);
