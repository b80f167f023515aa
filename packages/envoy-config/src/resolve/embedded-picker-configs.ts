import { LineCounter } from "yaml";
import { attempted } from "../attempted.ts";
import { isSameResource, resourceName } from "../resource-ref.ts";
import { parseDocuments } from "../resources/documents.ts";
import type { Place, Report } from "../resources/report.ts";
import type {
  ConfigMap,
  InferencePool,
  PickerConfigResource,
  PickerDeployment,
  Resources,
} from "../resources/resources.ts";
import { type CheckPickerConfig, pathText } from "./picking.ts";

/** An EndpointPickerConfig as a text in a ConfigMap. */
interface Embedded {
  readonly map: ConfigMap;
  readonly key: string;
  readonly text: string;
}

/** A configuration with the pools that it holds for. */
interface Claim {
  readonly text: string;
  readonly what: string;
  readonly place: Place;
  readonly holders: readonly InferencePool[];
}

/** The file that the reference's charts use unless they are told otherwise. */
const defaultFile = "default-plugins.yaml";

/**
 * Finds EndpointPickerConfigs where the reference's charts put them: in ConfigMaps, in arguments of the picker's
 * Deployment, in values of a chart. Returns those that hold for pools of the files, and says which it took. One that
 * can't be used is a warning: it was written for another picker, and the pool is served without it.
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
    const problem =
      value === undefined ? "it is no YAML that can be read" : problemOf(value, check);
    if (problem !== undefined) {
      const message = `${what} can't be used, so InferencePool ${names} gets the default profile: ${problem}`;
      const remedy = `give the pool an EndpointPickerConfig as a document of its own, with \`metadata.name: ${free[0]?.name}\`: it goes first`;
      report("warning", "UMB0255", place, message, { remedy });
      return;
    }
    const message = `${what} holds for InferencePool ${names}`;
    report("info", "UMB0255", place, message, { remedy: "nothing needs to be done" });
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
      const message = `${shown} is configured by ${file.slice(0, 128)}, which no ConfigMap of the files holds: the default profile is used`;
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
  const why = isAnotherFirst ? "another one goes first" : "nothing says for which pool it is";
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

/** Pools for which no EndpointPickerConfig of the files goes first. */
function openPoolsOf({ pools, pickerConfigs }: Resources): readonly InferencePool[] {
  return pools.filter(
    (each) => !pickerConfigs.some(({ pool }) => pool === undefined || isSameResource(pool, each)),
  );
}

/** Without a picker that names one: the only one of a namespace, or the charts' default, holds for its pools. */
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

/** Kubernetes takes no ConfigMap that is larger. */
const maxTextLength = 1024 * 1024;

/** The pattern matches within a line alone, so that it takes time in proportion to the text's length. */
function isPickerConfigText(text: string): boolean {
  if (text.length > maxTextLength || !text.includes("EndpointPickerConfig")) return false;
  return /^[ \t]*["']?kind["']?[ \t]*:[ \t]*["']?EndpointPickerConfig\b/m.test(text);
}

function parsedValue(text: string): unknown {
  for (const parsed of parseDocuments(text, new LineCounter())) {
    if ("problem" in parsed) return undefined;
    // Too many aliases are thrown.
    const value: unknown = attempted(() => parsed.document.toJS({ maxAliasCount: 100 }) as unknown);
    if (value !== null && value !== undefined) return value;
  }
  return undefined;
}
