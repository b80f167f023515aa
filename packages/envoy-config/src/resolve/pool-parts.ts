import type { Resources } from "../resources/resources.ts";
import type { Pool } from "../topology.ts";
import type { EndpointTlsResolver } from "./endpoint-tls.ts";
import type { EndpointFinder, FoundEndpoints } from "./endpoints.ts";
import type { MetricsPlaces } from "./metrics-place.ts";
import type { PickModeOptions } from "./pick-mode.ts";
import type { ResourcesByPool } from "./picking.ts";
import type { PickerSources } from "./pool-picker.ts";

export interface PoolParts extends PickerSources {
  readonly finder: EndpointFinder;
  readonly tls: EndpointTlsResolver;
  readonly metricsPlaces: MetricsPlaces;
  readonly pickModes: PickModeOptions;
  readonly resourcesByPool: ResourcesByPool;
  readonly resources: Pick<Resources, "pickerConfigs">;
}

export const noEndpoints: FoundEndpoints = { endpoints: [], draining: [] };

/** Returns the part of a pool about endpoints that are leaving. */
export function drainingOf(draining: readonly string[]): Pick<Pool, "drainingEndpoints"> {
  return draining.length === 0 ? {} : { drainingEndpoints: draining };
}
