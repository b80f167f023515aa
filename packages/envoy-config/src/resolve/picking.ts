import type { Report } from "../resources/reader.ts";
import type {
  InferenceModel,
  InferenceModelRewrite,
  InferenceObjective,
  InferencePool,
  Meta,
  Resources,
} from "../resources/resources.ts";
import type { ModelRewrite, Pool } from "../topology.ts";

/** Says what is wrong in an EndpointPickerConfig, each with its path from the top. */
export type CheckPickerConfig = (
  value: unknown,
) => readonly { readonly path: readonly (string | number)[]; readonly message: string }[];

/** `session` on an InferenceModel or InferenceModelRewrite: a session always gets the same target. */
const stickyAnnotation = "umbra.dev/sticky";

/** What resources say of pools, by the pool's `namespace/name`. */
export interface PoolSpeakers {
  readonly models: ReadonlyMap<string, readonly InferenceModel[]>;
  readonly rewrites: ReadonlyMap<string, readonly InferenceModelRewrite[]>;
  readonly objectives: ReadonlyMap<string, readonly InferenceObjective[]>;
}

export function poolSpeakers({ models, rewrites, objectives }: Resources): PoolSpeakers {
  const key = ({ namespace, pool }: { readonly namespace: string; readonly pool: string }) =>
    `${namespace}/${pool}`;
  return {
    models: Map.groupBy(models, key),
    rewrites: Map.groupBy(rewrites, key),
    objectives: Map.groupBy(objectives, key),
  };
}

/** A pool's rewrites in the order in which they count: exact ones first, then the oldest resource's. */
export function rewritesOf(
  pool: InferencePool,
  { models, rewrites }: PoolSpeakers,
): Pick<Pool, "rewrites"> {
  const key = `${pool.namespace}/${pool.name}`;
  const sticky = ({ annotations }: Meta) => ({
    isSticky: annotations[stickyAnnotation] === "session",
  });
  const found: readonly ModelRewrite[] = [
    ...(rewrites.get(key) ?? [])
      .toSorted(byAge)
      .flatMap((each) => each.rules.map((rule) => ({ ...rule, ...sticky(each) }))),
    ...(models.get(key) ?? [])
      .toSorted(byAge)
      .filter((each) => each.targets.length > 0)
      .map((each) => ({ model: each.modelName, targets: each.targets, ...sticky(each) })),
  ];
  const exact = found.filter(({ model }) => model !== undefined);
  const general = found.filter(({ model }) => model === undefined);
  return found.length === 0 ? {} : { rewrites: [...exact, ...general] };
}

/** The pool's objectives; a name stands once, as resources of one namespace do. */
export function objectivesOf(
  pool: InferencePool,
  { objectives }: PoolSpeakers,
): Pick<Pool, "objectives"> {
  const found = (objectives.get(`${pool.namespace}/${pool.name}`) ?? [])
    .map(({ name, priority }) => ({ name, priority }))
    .toSorted((a, b) => order(a.name, b.name));
  return found.length === 0 ? {} : { objectives: found };
}

/** The configuration with the pool's name, else the one without a name. */
export function pickerConfigOf(
  { namespace, name }: InferencePool,
  { pickerConfigs }: Resources,
): Pick<Pool, "pickerConfig"> {
  const own = pickerConfigs.find(({ pool }) => pool?.namespace === namespace && pool.name === name);
  const config = own ?? pickerConfigs.find(({ pool }) => pool === undefined);
  return config === undefined ? {} : { pickerConfig: config.value };
}

/** Reports what is wrong in configurations, and those that hold for no pool. */
export function checkPickerConfigs(
  { pools, pickerConfigs }: Resources,
  check: CheckPickerConfig,
  report: Report,
): void {
  const seen = new Set<string>();
  for (const { pool, value, place, placeOf } of pickerConfigs) {
    for (const { path, message } of check(value)) {
      report("error", "UMB0211", placeOf(path), `${pathText(path)} ${message}`.trim());
    }
    const key =
      pool === undefined ? "every pool" : `InferencePool "${pool.namespace}/${pool.name}"`;
    if (seen.has(key)) {
      report("error", "UMB0106", place, `a second EndpointPickerConfig for ${key}: remove one`);
    }
    seen.add(key);
    const isThere =
      pool === undefined ||
      pools.some(({ namespace, name }) => namespace === pool.namespace && name === pool.name);
    if (!isThere) {
      report(
        "error",
        "UMB0211",
        place,
        `${key} is not there: name the EndpointPickerConfig as its pool, or leave out its metadata to use it for every pool`,
      );
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
  return order(a.createdAt || "~", b.createdAt || "~") || order(a.name, b.name);
}

function order(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
