import { type BootstrapOptions, renderResources, type Topology } from "@umbra/envoy-config";
import { EncodingError, encodeResource, kinds, type Snapshot, snapshotOf } from "@umbra/xds";
import { CommandError } from "../errors.ts";

/**
 * Envoy's resources of a topology, as ADS serves them.
 *
 * @throws CommandError for a resource that Envoy's own definition refuses
 */
export function encodeResources(topology: Topology, options: Partial<BootstrapOptions>): Snapshot {
  const resources: Partial<Record<string, ReadonlyMap<string, unknown>>> = renderResources(
    topology,
    options,
  );
  try {
    const encoded = kinds.map((kind) => {
      const given = [...(resources[kind] ?? [])];
      return [kind, given.map(([name, json]) => encodeResource(kind, name, json))] as const;
    });
    return snapshotOf(Object.fromEntries(encoded));
  } catch (cause) {
    if (!(cause instanceof EncodingError)) throw cause;
    throw new CommandError(
      `Envoy's configuration can't be encoded: ${cause.message}; check what an EnvoyProxy changes there`,
      { cause },
    );
  }
}
