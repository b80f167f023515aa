import type { Topology } from "@umbra/envoy-config";

/** Leaves room for memory that is not counted: a process that reaches its container's limit is killed. */
const usableShare = 0.9;

/**
 * Limits the topology's `sidecarMemory` to nine tenths of the memory of the container or machine.
 *
 * @param limitBytes limit of the container, else of the machine; 0 if unknown
 */
export function withOwnMemory(topology: Topology, limitBytes: number): Topology {
  const { envoy } = topology;
  const { sidecarMemoryBytes } = envoy.settings;
  const usable = Math.floor(limitBytes * usableShare);
  if (limitBytes <= 0 || usable >= sidecarMemoryBytes) return topology;
  const settings = { ...envoy.settings, sidecarMemoryBytes: usable };
  return { ...topology, envoy: { ...envoy, settings } };
}
