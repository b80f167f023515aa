import type { Topology } from "@umbra/envoy-config";

/** Room for what is not counted: a process that meets the limit of its container is ended. */
const usableShare = 0.9;

/**
 * The topology with as much memory for the sidecar as there is: `sidecarMemory`, and no more than nine tenths of what its
 * container or machine has.
 *
 * @param limitBytes of the container, else of the machine; 0 where it is not known
 */
export function withOwnMemory(topology: Topology, limitBytes: number): Topology {
  const { envoy } = topology;
  const { sidecarMemoryBytes } = envoy.settings;
  const usable = Math.floor(limitBytes * usableShare);
  if (limitBytes <= 0 || usable >= sidecarMemoryBytes) return topology;
  const settings = { ...envoy.settings, sidecarMemoryBytes: usable };
  return { ...topology, envoy: { ...envoy, settings } };
}
