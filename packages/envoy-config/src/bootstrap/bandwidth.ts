import { builtIn, type EnvoyObject, typed } from "./envoy-object.ts";
import { bandwidthTrailerPrefix } from "./names.ts";
import type { BootstrapOptions } from "./options.ts";
import { setting } from "./setting.ts";

const name = "filters.http.bandwidth_limit";
const message = "BandwidthLimit";
const common = { stat_prefix: "shadow", fill_interval: "0.05s" };

/** Adds the filter without a limit: each mirror's route has its own. */
export const bandwidthFilter: EnvoyObject = builtIn(name, message, common);

/** Per-route limit on all answers of one mirror together. Above it, Envoy reads more slowly from the endpoints. */
export function bandwidthLimit(options: BootstrapOptions): EnvoyObject {
  return {
    [`envoy.${name}`]: typed(`envoy.extensions.${name}.v3.${message}`, {
      ...common,
      enable_mode: "RESPONSE",
      limit_kbps: setting(options, "shadowBandwidthBytes", (bytes) => Math.ceil(bytes / 1024)),
      enable_response_trailers: true,
      response_trailer_prefix: bandwidthTrailerPrefix,
    }),
  };
}
