import type { Topology } from "@umbra/envoy-config";

/**
 * What the sidecar serves, changed by difference while it runs. Call `begin` before Envoy gets the configuration,
 * `admitEndpoints` once Envoy has the new endpoints, and `retire` once no route of Envoy names what is gone.
 */
export interface ServingState {
  /**
   * Registers new pools and mirrors, changes known ones in place, and takes leaving endpoints out of picking at once.
   * New endpoints of known pools are scraped but not picked yet.
   *
   * @throws Error for an invalid EndpointPickerConfig; nothing has changed then
   */
  begin(topology: Topology): void;
  /** Lets the scheduler pick every endpoint of the topology that was begun last. */
  admitEndpoints(): void;
  /**
   * Retires the pools and mirrors that the topology begun last does not have. Each goes after the last live request
   * that names it.
   */
  retire(): void;
}

/** A part of the sidecar that follows the topology. */
export type ServingPart = Pick<ServingState, "begin"> & Partial<ServingState>;

/** @param parts in the order in which they begin: pools before what reads them */
export function createServingState(parts: readonly ServingPart[]): ServingState {
  return {
    begin(topology) {
      for (const part of parts) part.begin(topology);
    },
    admitEndpoints() {
      for (const part of parts) part.admitEndpoints?.();
    },
    retire() {
      for (const part of parts) part.retire?.();
    },
  };
}
