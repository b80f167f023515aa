import { LineCounter } from "yaml";
import { isSameResource, resourceName } from "../resource-ref.ts";
import { isPickerConfigText } from "../resources/config-map.ts";
import { parseDocuments } from "../resources/documents.ts";
import type { Place, Report } from "../resources/report.ts";
import type {
  ConfigMap,
  InferencePool,
  PickerConfigResource,
  PickerDeployment,
  Resources,
} from "../resources/resources.ts";
import { tryOrUndefined } from "../try-or-undefined.ts";
import { type CheckPickerConfig, pathText } from "./picking.ts";

/** An EndpointPickerConfig embedded as text in a ConfigMap. */
interface Embedded {
  readonly map: ConfigMap;
  readonly key: string;
  readonly text: string;
}

/** A configuration with the pools that it applies to. */
interface Claim {
  readonly text: string;
  readonly what: string;
  readonly place: Place;
  readonly holders: readonly InferencePool[];
}

/** The default file of the reference picker's charts. */
const defaultFile = "default-plugins.yaml";

/**
 * Finds EndpointPickerConfigs where the reference picker's charts put them: in ConfigMaps, in arguments of the
 * picker's Deployment, and in chart values. Returns those that apply to pools, and reports which it used.
 * An unusable one is only a warning: it was written for another picker, and the pool works without it.
 */
export function embeddedPickerConfigs(
  resources: Resources,
  check: CheckPickerConfig,
  report: Report,
): readonly PickerConfigResource[] {
  const { pickerDeployments } = resources;
  const embedded = resources.configMaps.flatMap((map) =>
    [...map.data].flatMap(([key, text]) => (isPickerConfigText(text) ? [{ map, key, text }] : [])),
  );
  const taken = new Map<InferencePool, PickerConfigResource>();
  const seen = new Set<Embedded>();

  function take({ text, what, place, holders }: Claim): void {
    const free = holders.filter((pool) => !taken.has(pool));
    if (free.length === 0) return;
    const names = free.map(({ name }) => `"${name}"`).join(", ");
    const value = parsedValue(text);
    const problem = value === undefined ? "it is not valid YAML" : problemOf(value, check);
    if (problem !== undefined) {
      const message = `${what} can't be used, so InferencePool ${names} uses the default profile: ${problem}`;
      const remedy = `add an EndpointPickerConfig as its own document with \`metadata.name: ${free[0]?.name}\`, which takes precedence`;
      report("warning", "UMB0255", place, message, { remedy });
      return;
    }
    const message = `${what} applies to InferencePool ${names}`;
    report("info", "UMB0255", place, message, { remedy: "no action needed" });
    for (const pool of free) {
      const { namespace, name } = pool;
      taken.set(pool, { pool: { namespace, name }, value, place, placeOf: () => place });
    }
  }

  function takeEmbedded(from: Embedded, holders: readonly InferencePool[]): void {
    seen.add(from);
    take({ text: from.text, what: shownAs(from), place: from.map.placeOf(from.key), holders });
  }

  const openPools = openPoolsOf(resources);
  for (const picker of pickerDeployments) {
    const holders = openPools.filter((pool) => isOf(picker, pool));
    const shown = `the endpoint picker "${picker.name}"`;
    const { configText: text, configFile: file = defaultFile, place } = picker;
    const found = embedded.find((each) => each.key === file && mounts(picker, each.map));
    if (text !== undefined) {
      take({ text, what: `the configuration in the arguments of ${shown}`, place, holders });
    } else if (found !== undefined) takeEmbedded(found, holders);
    else if (holders.length > 0) {
      const message = `${shown} uses the configuration file ${file.slice(0, 128)}, but no ConfigMap contains it: using the default profile`;
      report("warning", "UMB0255", picker.place, message);
    }
  }
  if (pickerDeployments.length === 0) {
    for (const [alone, holders] of aloneIn(embedded, openPools)) takeEmbedded(alone, holders);
  }
  const isAnotherFirst = taken.size > 0 || openPools.length === 0;
  const unused = embedded.filter((each) => !seen.has(each));
  if (resources.pools.length > 0) reportUnused(unused, isAnotherFirst, report);
  return [...taken.values()];
}

function reportUnused(unused: readonly Embedded[], isAnotherFirst: boolean, report: Report): void {
  const why = isAnotherFirst ? "another one takes precedence" : "its pool is unknown";
  for (const each of unused) {
    const message = `${shownAs(each)} is not used: ${why}`;
    const place = each.map.placeOf(each.key);
    report(isAnotherFirst ? "info" : "warning", "UMB0255", place, message);
  }
}

function problemOf(value: unknown, check: CheckPickerConfig): string | undefined {
  const [first, ...more] = check(value);
  if (first === undefined) return undefined;
  const others = more.length === 0 ? "" : ` (and ${more.length} more)`;
  return `${pathText(first.path)} ${first.message}`.trim().slice(0, 512) + others;
}

/** Pools without an EndpointPickerConfig document, which would take precedence. */
function openPoolsOf({ pools, pickerConfigs }: Resources): readonly InferencePool[] {
  return pools.filter(
    (each) => !pickerConfigs.some(({ pool }) => pool === undefined || isSameResource(pool, each)),
  );
}

/** If no picker names one, the only configuration in a namespace, or the charts' default file, applies to its pools. */
function aloneIn(embedded: readonly Embedded[], pools: readonly InferencePool[]) {
  const byNamespace = Map.groupBy(embedded, ({ map }) => map.namespace);
  return [...byNamespace].flatMap(([namespace, own]) => {
    const defaults = own.filter(({ key }) => key === defaultFile);
    const [only, ...more] = own.length === 1 ? own : defaults;
    const holders = pools.filter((pool) => pool.namespace === namespace);
    return only === undefined || more.length > 0 || holders.length === 0
      ? []
      : [[only, holders] as const];
  });
}

function isOf({ pool, namespace }: PickerDeployment, of: InferencePool): boolean {
  if (pool === undefined) return of.namespace === namespace;
  return isSameResource(pool, of);
}

function mounts({ configMaps, namespace }: PickerDeployment, map: ConfigMap): boolean {
  return map.namespace === namespace && (configMaps.length === 0 || configMaps.includes(map.name));
}

function shownAs({ map, key }: Embedded): string {
  return `the EndpointPickerConfig "${key.slice(0, 128)}" of ${map.name === "values" ? "the chart's values" : `ConfigMap "${resourceName(map)}"`}`;
}

function parsedValue(text: string): unknown {
  for (const parsed of parseDocuments(text, new LineCounter())) {
    if ("problem" in parsed) return undefined;
    // The parser throws on too many aliases.
    const value: unknown = tryOrUndefined(
      () => parsed.document.toJS({ maxAliasCount: 100 }) as unknown,
    );
    if (value !== null && value !== undefined) return value;
  }
  return undefined;
}
