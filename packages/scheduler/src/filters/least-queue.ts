import { queueLength } from "../model/endpoint.ts";
import type { Filter } from "../plugin.ts";
import { keepLowest } from "./keep-lowest.ts";

/** Keeps the endpoints with the shortest queue, what was sent since the scrape included. */
export const leastQueueFilter: Filter = (_request, endpoints) => keepLowest(endpoints, queueLength);
