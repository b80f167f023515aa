import type { Topology } from "@umbra/envoy-config";
import type { PoolRegistry } from "../pools/pool-registry.ts";
import { createLabelValues, type LabelValues, otherValue } from "./label-values.ts";

/** Label values of one request. A client's text is only used if it is a configured or served name. */
export interface PickLabels {
  pool(name: string): string;
  /** Namespace of the pool's resource; empty if the pool is unknown. */
  namespace(pool: string): string;
  /** Empty if the request names none; `other` if it is unknown. */
  model(pool: string, name: string | undefined): string;
}

/** @param configured all model names in resources, which are always allowed */
export function createPickLabels(pools: PoolRegistry, configured: ReadonlySet<string>): PickLabels {
  const models: LabelValues = createLabelValues(configured);
  return {
    pool: (name) => (pools.has(name) ? name : "unknown"),
    namespace: (pool) => pools.get(pool)?.namespace ?? "",
    model(pool, name) {
      if (name === undefined) return "";
      const isKnown = configured.has(name) || pools.get(pool)?.served.has(name) === true;
      return isKnown ? models.of(name) : otherValue;
    },
  };
}

/** Returns the model names in InferenceModels, rewrites and ShadowPolicies. */
export function configuredModels({ pools, mirrors }: Topology): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { models, rewrites } of pools) {
    for (const { name } of models) names.add(name);
    for (const { model, targets } of rewrites) {
      if (model !== undefined) names.add(model);
      for (const target of targets) names.add(target.model);
    }
  }
  for (const { policy } of mirrors) {
    for (const [from, to] of Object.entries(policy?.rewrite.model ?? {})) names.add(from).add(to);
  }
  return names;
}
