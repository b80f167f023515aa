import type { EndpointTlsResolver } from "./endpoint-tls.ts";
import type { EndpointFinder } from "./endpoints.ts";
import type { MetricsPlaces } from "./metrics-place.ts";

/** What every pool is made with. */
export interface PoolParts {
  readonly finder: EndpointFinder;
  readonly tls: EndpointTlsResolver;
  readonly metricsPlaces: MetricsPlaces;
}
