import { fromAds } from "../ads.ts";
import { connectionManager, router } from "../connection-manager.ts";
import { plainOf } from "../plain.ts";
import type { DynamicResources } from "./split.ts";

/** Name of the listener on which routes are tried, and of its routes. Nothing connects to it. */
export const trialListener = "route-trial";

const listener = plainOf({
  name: trialListener,
  internal_listener: {},
  filter_chains: [
    {
      filters: connectionManager({
        stat_prefix: "route_trial",
        rds: { route_config_name: trialListener, config_source: fromAds },
        http_filters: [router],
      }),
    },
  ],
});

/**
 * Adds the routes that a listener has in `tried` once more, at a listener of their own: Envoy says whether it takes them,
 * and the routes that serve stay as they are.
 */
export function withRouteTrial(
  resources: DynamicResources,
  tried: DynamicResources,
  listenerName: string,
): DynamicResources {
  const routes = { ...tried.rds.get(listenerName), name: trialListener };
  return {
    ...resources,
    lds: new Map([...resources.lds, [trialListener, listener]]),
    rds: new Map([...resources.rds, [trialListener, routes]]),
  };
}
