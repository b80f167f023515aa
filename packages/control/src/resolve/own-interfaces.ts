import {
  type Diagnostic,
  endpointsAtOwnInterfaces,
  type Pool,
  type Topology,
} from "@umbra/envoy-config";
import { finding } from "./finding.ts";
import type { FilePlace, Sought } from "./places.ts";

/**
 * Takes endpoints away that are interfaces of Umbra or Envoy: the author of a resource must not be able to send client
 * requests to an admin interface.
 */
export function withoutOwnInterfaces(
  topology: Topology,
  interfaces: readonly string[],
  placeOf: (sought: Sought) => FilePlace,
): { readonly topology: Topology; readonly findings: readonly Diagnostic[] } {
  const own = endpointsAtOwnInterfaces(topology, interfaces);
  if (own.length === 0) return { topology, findings: [] };
  const refused = new Set(own.map(({ endpoint }) => endpoint));
  const pools = topology.pools.map((pool) => withoutEndpoints(pool, refused));
  const byName = new Map(topology.pools.map((pool) => [pool.name, pool]));
  const findings = own.map(({ pool, endpoint }) =>
    finding(
      "UMB0503",
      `${endpoint}, an endpoint of "${pool}", is not a model server: Envoy or the sidecar listens there`,
      placeOf({ text: endpoint, ...ofPool(byName.get(pool)) }),
    ),
  );
  return { topology: { ...topology, pools }, findings };
}

/** A pool without such endpoints stays the same object: others find by identity what has not changed. */
function withoutEndpoints(pool: Pool, refused: ReadonlySet<string>): Pool {
  const { endpoints, drainingEndpoints: draining } = pool;
  if (![...endpoints, ...(draining ?? [])].some((each) => refused.has(each))) return pool;
  const sound = (all: readonly string[]) => all.filter((each) => !refused.has(each));
  return {
    ...pool,
    endpoints: sound(endpoints),
    ...(draining && { drainingEndpoints: sound(draining) }),
  };
}

/** The object of an API server that a pool was made of. */
function ofPool(pool: Pool | undefined): Pick<Extract<Sought, { readonly text: string }>, "of"> {
  if (pool === undefined) return {};
  const { kind, namespace, resourceName: name } = pool;
  return { of: { kind, ref: { namespace, name } } };
}
