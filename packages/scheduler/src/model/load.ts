import type { Endpoint, ModelServerMetrics } from "./endpoint.ts";

/** Of an endpoint that does not say how many requests it runs at once, and whose load nobody knows. */
const assumedSeats = 100;

/** What a fresh scrape says of the endpoint's load; undefined where there is none, or it shows no load yet. */
export function loadMetrics({ metrics }: Endpoint): ModelServerMetrics | undefined {
  return metrics.kind === "fresh" && metrics.metrics.showsLoad !== false
    ? metrics.metrics
    : undefined;
}

/**
 * Requests waiting: the scraped count plus what this process has sent since, so that a burst between two scrapes
 * spreads out. Without load metrics it is this process's requests in flight, and one more where no scrape is fresh: an
 * idle endpoint that can be scraped is better than one that can't.
 */
export function queueLength(endpoint: Endpoint): number {
  const known = loadMetrics(endpoint);
  if (known !== undefined) return known.waitingRequests + endpoint.sentSinceScrape;
  return endpoint.inFlight + (endpoint.metrics.kind === "fresh" ? 0 : 1);
}

/** `queueLength`, and undefined where no scrape is fresh. */
export function knownQueueLength(endpoint: Endpoint): number | undefined {
  return endpoint.metrics.kind === "fresh" ? queueLength(endpoint) : undefined;
}

/** The fuller half is as likely as the emptier one where a server does not say. */
const assumedKvCacheUsage = 0.5;

/** Share of the KV cache in use, 0 to 1; 0.5 where no fresh metrics say. */
export function kvCacheUsage({ metrics }: Endpoint): number {
  return metrics.kind === "fresh"
    ? (metrics.metrics.kvCacheUsage ?? assumedKvCacheUsage)
    : assumedKvCacheUsage;
}

/** Requests running, what was sent since the scrape included; undefined without fresh metrics. */
export function runningRequests(endpoint: Endpoint): number | undefined {
  const { metrics, sentSinceScrape, inFlight } = endpoint;
  if (metrics.kind !== "fresh") return undefined;
  if (metrics.metrics.showsLoad === false) return inFlight;
  return metrics.metrics.runningRequests + sentSinceScrape;
}

/**
 * Requests waiting or running that the server and this process know of, each of which may know of some that the other
 * does not; undefined without fresh metrics.
 */
export function requestsAt({ metrics, sentSinceScrape, inFlight }: Endpoint): number | undefined {
  if (metrics.kind !== "fresh") return undefined;
  const { waitingRequests, runningRequests } = metrics.metrics;
  return Math.max(waitingRequests + runningRequests + sentSinceScrape, inFlight);
}

/**
 * Requests of others that are assumed at an endpoint without fresh metrics: half as many as the candidates with fresh
 * metrics have on average, and one more. So it is worse than an idle endpoint, and better than a loaded one.
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
 * A count that is not known of an endpoint, by its requests in flight: half of the mean of the known counts and one
 * more, moved by how many more or fewer this process has in flight there than at the others.
 */
export function assumedCount(
  { inFlight }: Endpoint,
  known: { readonly count: number; readonly total: number; readonly inFlight: number },
): number {
  const { count, total } = known;
  if (count === 0) return inFlight;
  return total / count / 2 + 1 + inFlight - known.inFlight / count;
}

/** How full the endpoint is by this process's requests in flight alone: 0 idle, 1 and more full. */
export function fullnessByInFlight({ inFlight, seats = assumedSeats }: Endpoint): number {
  return inFlight / seats;
}
