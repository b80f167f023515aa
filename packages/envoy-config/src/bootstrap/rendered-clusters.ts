import type { Pool } from "../topology.ts";
import { type EnvoyObject, Finished } from "./envoy-object.ts";
import type { BootstrapOptions } from "./options.ts";
import { type PlainMap, plainOf } from "./plain.ts";

interface RenderedCluster {
  readonly settings: string;
  readonly plain: PlainMap;
}

const rendered = new WeakMap<Pool, RenderedCluster>();

/**
 * Returns a function that renders clusters of pools by `render`, which depends on the pool and the options alone. The
 * cluster of a pool that has not changed since the last call is the same object again.
 */
export function createClusterRenderer(
  options: BootstrapOptions,
  render: (pool: Pool, options: BootstrapOptions) => EnvoyObject,
): (pool: Pool) => Finished {
  const { certificates: _, ...given } = options;
  const settings = JSON.stringify(given);
  return (pool) => {
    const held = rendered.get(pool);
    if (held?.settings === settings) return new Finished(held.plain);
    const plain = plainOf(render(pool, options));
    rendered.set(pool, { settings, plain });
    return new Finished(plain);
  };
}
