import type { Topology } from "@umbra/envoy-config";
import type { MirrorRegistry } from "./mirror-registry.ts";

/** The mirrors and what depends on them, which follow the topology while the sidecar serves. */
export interface ServingMirrors {
  /** Registers new mirrors and changes known ones in place. Call it after the pools have begun. */
  begin(topology: Topology): void;
  /**
   * Sends no more twins to mirrors that are gone, and removes those that no live request names. May be called again
   * with the same topology, until none is left.
   */
  retire(isNamed: (mirror: string) => boolean): void;
}

export function createServingMirrors({
  registry,
}: {
  readonly registry: MirrorRegistry;
}): ServingMirrors {
  return {
    begin(topology) {
      registry.begin(topology);
    },
    retire(isNamed) {
      registry.retire(isNamed);
    },
  };
}
