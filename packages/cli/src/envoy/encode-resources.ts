import { createEncoder } from "@umbra/control";
import { type BootstrapOptions, renderResources, type Topology } from "@umbra/envoy-config";
import type { Snapshot } from "@umbra/xds";
import { CommandError } from "../errors.ts";

/**
 * Envoy's resources of a topology, as ADS serves them.
 *
 * @throws CommandError for a resource that Envoy's own definition refuses
 */
export function encodeResources(topology: Topology, options: Partial<BootstrapOptions>): Snapshot {
  const { snapshot, errors } = createEncoder()(renderResources(topology, options));
  const [cause] = errors;
  if (cause === undefined) return snapshot;
  throw new CommandError(
    `Envoy's configuration can't be encoded: ${cause.message}; check what an EnvoyProxy changes there`,
    { cause },
  );
}
