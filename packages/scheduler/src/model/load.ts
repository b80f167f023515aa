import type { Endpoint, ModelServerMetrics } from "./endpoint.ts";

/** Seats assumed if the number is unknown. */
const assumedSeats = 100;

/** Returns the metrics of a fresh scrape; undefined if there is none or it shows no load yet. */
export function loadMetrics({ metrics }: Endpoint): ModelServerMetrics | undefined {
  return metrics.kind === "fresh" && metrics.metrics.showsLoad !== false
    ? metrics.metrics
    : undefined;
}

/**
 * Returns the number of waiting requests: the scraped count plus requests sent since, so that a burst between two
 * scrapes is spread out. Without load metrics it is this process's requests in flight, plus one if no scrape is fresh:
 * an idle endpoint that can be scraped is better than one that can't.
 */
export function queueLength(endpoint: Endpoint): number {
  const known = loadMetrics(endpoint);
  if (known !== undefined) return known.waitingRequests + endpoint.sentSinceScrape;
  return endpoint.inFlight + (endpoint.metrics.kind === "fresh" ? 0 : 1);
}

/** Like `queueLength`, but undefined without fresh metrics. */
export function knownQueueLength(endpoint: Endpoint): number | undefined {
  return endpoint.metrics.kind === "fresh" ? queueLength(endpoint) : undefined;
}

/** Middle of the range, for servers that don't report it. */
const assumedKvCacheUsage = 0.5;

/** Share of the KV cache in use, 0 to 1; 0.5 if no fresh metrics report it. */
export function kvCacheUsage({ metrics }: Endpoint): number {
  return metrics.kind === "fresh"
    ? (metrics.metrics.kvCacheUsage ?? assumedKvCacheUsage)
    : assumedKvCacheUsage;
}

/** Running requests, including those sent since the scrape; undefined without fresh metrics. */
export function runningRequests(endpoint: Endpoint): number | undefined {
  const { metrics, sentSinceScrape, inFlight } = endpoint;
  if (metrics.kind !== "fresh") return undefined;
  if (metrics.metrics.showsLoad === false) return inFlight;
  return metrics.metrics.runningRequests + sentSinceScrape;
}

/**
 * Requests waiting or running: the larger of the server's count and this process's count, because each may miss
 * requests that the other sees. Undefined without fresh metrics.
 */
export function requestsAt({ metrics, sentSinceScrape, inFlight }: Endpoint): number | undefined {
  if (metrics.kind !== "fresh") return undefined;
  const { waitingRequests, runningRequests } = metrics.metrics;
  return Math.max(waitingRequests + runningRequests + sentSinceScrape, inFlight);
}

/**
 * Requests from other processes assumed for an endpoint without fresh metrics: one more than half the average of the
 * endpoints with fresh metrics. This ranks it below an idle endpoint and above a loaded one.
 */
export function assumedRequests(endpoints: readonly Endpoint[]): number {
  let count = 0;
  let total = 0;
  for (const endpoint of endpoints) {
    const requests = requestsAt(endpoint);
    if (requests === undefined) continue;
    count++;
    total += requests - endpoint.inFlight;
  }
  return 1 + (count === 0 ? 0 : total / count / 2);
}

/**
 * Estimates an unknown count of an endpoint: one more than half the mean of the known counts, plus the difference
 * between its requests in flight and the mean at the endpoints with known counts.
 */
export function assumedCount(
  { inFlight }: Endpoint,
  known: { readonly count: number; readonly total: number; readonly inFlight: number },
): number {
  const { count, total } = known;
  if (count === 0) return inFlight;
  return total / count / 2 + 1 + inFlight - known.inFlight / count;
}

/** Saturation of the endpoint by this process's requests in flight alone: 0 is idle, 1 and above is saturated. */
export function fullnessByInFlight({ inFlight, seats = assumedSeats }: Endpoint): number {
  return inFlight / seats;
}
