import { compare } from "../compare.ts";
import { groupByResource, ResourceMap } from "../resource-map.ts";
import { isSameResource, resourceName } from "../resource-ref.ts";
import { stickyAnnotation } from "../resources/annotations.ts";
import type { Meta } from "../resources/meta.ts";
import type { Report } from "../resources/report.ts";
import type {
  InferenceModel,
  InferenceModelRewrite,
  InferenceObjective,
  InferencePool,
  Resources,
} from "../resources/resources.ts";
import type { ModelRewrite, Objective, Pool } from "../topology.ts";

/** Says what is wrong in an EndpointPickerConfig, each with its path from the top. */
export type CheckPickerConfig = (
  value: unknown,
) => readonly { readonly path: readonly (string | number)[]; readonly message: string }[];

/** `session` on an InferenceModel or InferenceModelRewrite: a session always gets the same target. */

/** What resources say of pools, by the InferencePool. */
export interface PoolSpeakers {
  readonly models: ResourceMap<readonly InferenceModel[]>;
  readonly rewrites: ResourceMap<readonly InferenceModelRewrite[]>;
  readonly objectives: ResourceMap<readonly InferenceObjective[]>;
}

export function poolSpeakers({ models, rewrites, objectives }: Resources): PoolSpeakers {
  return {
    models: groupByResource(models, poolOf),
    rewrites: groupByResource(rewrites, poolOf),
    objectives: groupByResource(objectives, poolOf),
  };
}

function poolOf({ namespace, pool }: { readonly namespace: string; readonly pool: string }) {
  return { namespace, name: pool };
}

/** A pool's rewrites in the order in which they count: exact ones first, then the oldest resource's. */
export function rewritesOf(
  pool: InferencePool,
  { models, rewrites }: PoolSpeakers,
): readonly ModelRewrite[] {
  const sticky = ({ annotations }: Meta) => ({
    isSticky: annotations[stickyAnnotation] === "session",
  });
  const found: readonly ModelRewrite[] = [
    ...(rewrites.get(pool) ?? [])
      .toSorted(byAge)
      .flatMap((each) => each.rules.map((rule) => ({ ...rule, ...sticky(each) }))),
    ...(models.get(pool) ?? [])
      .toSorted(byAge)
      .filter((each) => each.targets.length > 0)
      .map((each) => ({ model: each.modelName, targets: each.targets, ...sticky(each) })),
  ];
  const isGeneral = ({ model }: ModelRewrite) => Number(model === undefined);
  return found.toSorted((a, b) => isGeneral(a) - isGeneral(b));
}

/** The pool's objectives; a name stands once, as resources of one namespace do. */
export function objectivesOf(
  pool: InferencePool,
  { objectives }: PoolSpeakers,
): readonly Objective[] {
  return (objectives.get(pool) ?? [])
    .map(({ name, priority }) => ({ name, priority }))
    .toSorted((a, b) => compare(a.name, b.name));
}

/** The configuration with the pool's name, else the one without a name. */
export function pickerConfigOf(
  of: InferencePool,
  { pickerConfigs }: Pick<Resources, "pickerConfigs">,
): Pick<Pool, "pickerConfig"> {
  const own = pickerConfigs.find(({ pool }) => pool !== undefined && isSameResource(pool, of));
  const config = own ?? pickerConfigs.find(({ pool }) => pool === undefined);
  return config === undefined ? {} : { pickerConfig: config.value };
}

/** Reports what is wrong in configurations, and those that hold for no pool. */
export function checkPickerConfigs(
  { pools, pickerConfigs }: Resources,
  check: CheckPickerConfig,
  report: Report,
): void {
  const seen = new ResourceMap<true>();
  let isOneForAll = false;
  for (const { pool, value, place, placeOf } of pickerConfigs) {
    for (const { path, message } of check(value)) {
      report("error", "UMB0211", placeOf(path), `${pathText(path)} ${message}`.trim());
    }
    const shown = pool === undefined ? "every pool" : `InferencePool "${resourceName(pool)}"`;
    if (pool === undefined ? isOneForAll : seen.has(pool)) {
      report("error", "UMB0106", place, `a second EndpointPickerConfig for ${shown}: remove one`);
    }
    if (pool === undefined) isOneForAll = true;
    else seen.set(pool, true);
    const isThere = pool === undefined || pools.some((each) => isSameResource(each, pool));
    if (!isThere) {
      const message = `${shown} is not there: name the EndpointPickerConfig as its pool, or leave out its metadata to use it for every pool`;
      report("error", "UMB0211", place, message);
    }
  }
}

/** `plugins[2].type`. */
export function pathText(path: readonly (string | number)[]): string {
  const text = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`)).join("");
  return text === "" ? "" : `\`${text.replace(/^\./, "")}\``;
}

/** The oldest first; what was never applied has no age and comes last. */
export function byAge(a: Meta, b: Meta): number {
  return compare(a.createdAt || "~", b.createdAt || "~") || compare(a.name, b.name);
}
