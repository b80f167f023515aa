import { knownMetrics } from "../model/endpoint.ts";
import type { Filter } from "../plugin.ts";
import { keepLowest } from "./keep-lowest.ts";

/** Keeps the endpoints with the most free KV cache; one without metrics counts as full. */
export const leastKvCacheFilter: Filter = (_request, endpoints) =>
  keepLowest(endpoints, (endpoint) => knownMetrics(endpoint)?.kvCacheUsage ?? 1);
