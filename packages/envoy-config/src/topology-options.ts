import type { EnvoySettings } from "./envoy-settings.ts";
import type { CheckPickerConfig } from "./resolve/picking.ts";
import type { PickerService } from "./resolve/pool-picker.ts";
import type { GatewayChoice } from "./resources/own-gateways.ts";
import type { ExternalPicker, MetricsPlaceSettings, PickMode } from "./topology.ts";

export interface TopologyOptions extends GatewayChoice {
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
  /** Umbra's own Services. Given: a pool whose `endpointPickerRef` names another one is picked by that one. Absent: Umbra picks for it too. */
  readonly ownPickers?: readonly PickerService[];
  /** True: a rule with an unresolved mirror answers 500. False: it serves without the mirror. */
  readonly isStrict?: boolean;
  /** The address of Gateways without one of their own; `0.0.0.0` when absent. */
  readonly bindAddress?: string;
  /** Addresses for Gateways whose `spec.addresses` name none, such as `10.0.7.0/24`: each gets one. What `parseAddressRange` does not take has no effect. */
  readonly gatewayAddresses?: string;
  /** False for third-party gateways, which need only pools. True when absent. */
  readonly isGatewayNeeded?: boolean;
  /** Settings that override an EnvoySettings in the files. */
  readonly envoySettings?: Partial<EnvoySettings>;
  /** Checks EndpointPickerConfigs against the scheduler's plugins. Absent: they are not checked. */
  readonly checkPickerConfig?: CheckPickerConfig;
}
