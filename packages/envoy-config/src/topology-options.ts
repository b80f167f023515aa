import type { EnvoySettings } from "./envoy-settings.ts";
import type { CheckPickerConfig } from "./resolve/picking.ts";
import type { ExternalPicker, MetricsPlaceSettings, PickMode } from "./topology.ts";

export interface TopologyOptions {
  /** Endpoints by resource name or `namespace/name`. They override the files. */
  readonly endpoints?: ReadonlyMap<string, readonly string[]>;
  /** Pick modes by resource name or `namespace/name`. They override annotations. */
  readonly pickModes?: ReadonlyMap<string, PickMode>;
  /** Locations of metrics pages, by resource name or `namespace/name`. They override annotations. */
  readonly metricsPlaces?: ReadonlyMap<string, MetricsPlaceSettings>;
  /** Ports by listener name. */
  readonly listenerPorts?: ReadonlyMap<string, number>;
  /** Third-party endpoint pickers, by name or `namespace/name` of the InferencePool. */
  readonly pickers?: ReadonlyMap<string, ExternalPicker>;
  /** True: a rule with an unresolved mirror answers 500. False: it serves without the mirror. */
  readonly isStrict?: boolean;
  /** `0.0.0.0` when absent. */
  readonly bindAddress?: string;
  /** False for third-party gateways, which need only pools. True when absent. */
  readonly isGatewayNeeded?: boolean;
  /** Settings that override an EnvoySettings in the files. */
  readonly envoySettings?: Partial<EnvoySettings>;
  /** Checks EndpointPickerConfigs against the scheduler's plugins. Absent: they are not checked. */
  readonly checkPickerConfig?: CheckPickerConfig;
}
