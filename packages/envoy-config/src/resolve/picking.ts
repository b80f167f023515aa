import { compare } from "../compare.ts";
import { groupByResource, ResourceMap } from "../resource-map.ts";
import { isSameResource, resourceName } from "../resource-ref.ts";
import { stickyAnnotation } from "../resources/annotations.ts";
import type { Meta } from "../resources/meta.ts";
import type { Place, Report } from "../resources/report.ts";
import type {
  InferenceModel,
  InferenceModelRewrite,
  InferenceObjective,
  InferencePool,
  PickerConfigResource,
  Resources,
} from "../resources/resources.ts";
import type { ModelRewrite, Objective, Pool } from "../topology.ts";

/** Finds problems in an EndpointPickerConfig, each with its path from the top. */
export type CheckPickerConfig = (
  value: unknown,
) => readonly { readonly path: readonly (string | number)[]; readonly message: string }[];

/** `session` on an InferenceModel or InferenceModelRewrite: a session always gets the same target. */

/** Resources that refer to pools, by InferencePool. */
export interface ResourcesByPool {
  readonly models: ResourceMap<readonly InferenceModel[]>;
  readonly rewrites: ResourceMap<readonly InferenceModelRewrite[]>;
  readonly objectives: ResourceMap<readonly InferenceObjective[]>;
}

export function resourcesByPool({ models, rewrites, objectives }: Resources): ResourcesByPool {
  return {
    models: groupByResource(models, poolOf),
    rewrites: groupByResource(rewrites, poolOf),
    objectives: groupByResource(objectives, poolOf),
  };
}

function poolOf({ namespace, pool }: { readonly namespace: string; readonly pool: string }) {
  return { namespace, name: pool };
}

/** Returns a pool's rewrites in order of precedence: exact ones first, then by age of the resource. */
export function rewritesOf(
  pool: InferencePool,
  { models, rewrites }: ResourcesByPool,
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

/** Returns the pool's objectives. Names are unique within a namespace. */
export function objectivesOf(
  pool: InferencePool,
  { objectives }: ResourcesByPool,
): readonly Objective[] {
  return (objectives.get(pool) ?? [])
    .map(({ name, priority }) => ({ name, priority }))
    .toSorted((a, b) => compare(a.name, b.name));
}

/** Returns the configuration with the pool's name, else the one without a name. */
export function pickerConfigOf(
  of: InferencePool,
  { pickerConfigs }: Pick<Resources, "pickerConfigs">,
): Pick<Pool, "pickerConfig"> {
  const own = pickerConfigs.find(({ pool }) => pool !== undefined && isSameResource(pool, of));
  const config = own ?? pickerConfigs.find(({ pool }) => pool === undefined);
  return config === undefined ? {} : { pickerConfig: config.value };
}

/** Reports problems in configurations, and configurations without a pool. Returns those without a problem. */
export function checkPickerConfigs(
  { pools, pickerConfigs }: Resources,
  check: CheckPickerConfig,
  report: Report,
): readonly PickerConfigResource[] {
  const seen = new ResourceMap<true>();
  let isOneForAll = false;
  return pickerConfigs.filter(({ pool, value, place, placeOf }) => {
    let isSound = true;
    const wrong = (code: "UMB0211" | "UMB0106", at: Place, message: string) => {
      isSound = false;
      report("error", code, at, message);
    };
    for (const { path, message } of check(value)) {
      wrong("UMB0211", placeOf(path), `${pathText(path)} ${message}`.trim());
    }
    const shown = pool === undefined ? "every pool" : `InferencePool "${resourceName(pool)}"`;
    if (pool === undefined ? isOneForAll : seen.has(pool)) {
      wrong("UMB0106", place, `duplicate EndpointPickerConfig for ${shown}: remove one`);
    }
    if (pool === undefined) isOneForAll = true;
    else seen.set(pool, true);
    const isThere = pool === undefined || pools.some((each) => isSameResource(each, pool));
    if (!isThere) {
      const message = `${shown} does not exist: give the EndpointPickerConfig the name of its pool, or remove its metadata to use it for every pool`;
      wrong("UMB0211", place, message);
    }
    return isSound;
  });
}

/** `plugins[2].type`. */
export function pathText(path: readonly (string | number)[]): string {
  const text = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`)).join("");
  return text === "" ? "" : `\`${text.replace(/^\./, "")}\``;
}

/** Sorts the oldest first. Resources that were never applied have no age and come last. */
export function byAge(a: Meta, b: Meta): number {
  return compare(a.createdAt || "~", b.createdAt || "~") || compare(a.name, b.name);
}
