import type { Topology } from "@umbra/envoy-config";
import type { PoolRegistry } from "../pools/pool-registry.ts";
import { createLabelValues, otherValue } from "./label-values.ts";

/** Label values of one request. A client's text is only used if it is a configured or served name. */
export interface PickLabels {
  pool(name: string): string;
  /** Namespace of the pool's resource; empty if the pool is unknown. */
  namespace(pool: string): string;
  /** Empty if the request names none; `other` if it is unknown. */
  model(pool: string, name: string | undefined): string;
  /** Sets the model names in resources, which are always allowed. Returns true if some are gone. */
  configure(models: ReadonlySet<string>): boolean;
  /** Returns whether label values name a pool, an endpoint or a model that is gone; undefined if the labels can't. */
  goneOf(labels: readonly string[]): ((values: readonly string[]) => boolean) | undefined;
  isGonePool(pool: string): boolean;
  /** True for a label value that is neither configured nor among `shown`. */
  isGoneModel(model: string, shown: ReadonlySet<string>): boolean;
  /** Forgets the models that are gone. */
  forgetModels(shown: ReadonlySet<string>): void;
}

/** The value for a pool that is not known. */
const unknownPoolLabel = "unknown";

/** @param configured all model names in resources, which are always allowed */
export function createPickLabels(pools: PoolRegistry, configured: ReadonlySet<string>): PickLabels {
  const models = createLabelValues(configured);
  let pinned = configured;

  function isKnownModel(pool: string, name: string): boolean {
    return pinned.has(name) || pools.get(pool)?.served.has(name) === true;
  }

  function isGonePool(name: string): boolean {
    return name !== unknownPoolLabel && name !== otherValue && !pools.has(name);
  }

  function isGoneModel(name: string, shown: ReadonlySet<string>): boolean {
    return name !== "" && name !== otherValue && !pinned.has(name) && !shown.has(name);
  }

  return {
    isGonePool,
    isGoneModel,
    // The pool's own string: each request names its pool by a new one, which tables find more slowly.
    pool: (name) => pools.get(name)?.name ?? unknownPoolLabel,
    namespace: (pool) => pools.get(pool)?.namespace ?? "",
    model(pool, name) {
      if (name === undefined) return "";
      return isKnownModel(pool, name) ? models.of(name) : otherValue;
    },
    configure(next) {
      const hasLost = [...pinned].some((name) => !next.has(name));
      pinned = next;
      for (const name of next) models.pin(name);
      return hasLost;
    },
    goneOf(labels) {
      const at = labels.indexOf("pool");
      if (at < 0) return undefined;
      const endpointAt = labels.indexOf("endpoint");
      const modelsAt = [labels.indexOf("model"), labels.indexOf("target_model")];
      return (values) => {
        const name = values[at] ?? "";
        const pool = pools.get(name);
        if (pool === undefined) return isGonePool(name);
        if (endpointAt >= 0 && !pool.state.knows(values[endpointAt] ?? "")) return true;
        return modelsAt.some((index) => {
          const model = index < 0 ? "" : (values[index] ?? "");
          return model !== "" && model !== otherValue && !isKnownModel(name, model);
        });
      };
    },
    forgetModels(shown) {
      models.forget((name) => isGoneModel(name, shown));
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
