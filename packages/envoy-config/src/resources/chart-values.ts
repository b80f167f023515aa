import type { Reader } from "./reader.ts";
import type { ConfigMap, PickerDeployment } from "./resources.ts";

/** What the values of a chart of the reference endpoint picker say of its configuration. */
export interface ChartValues {
  readonly configMap: ConfigMap;
  /** Which file of it is used, where the values say so. */
  readonly picker?: PickerDeployment;
}

const maxDepth = 4;

/** Undefined where the document is no such file: it has no kind, and `pluginsCustomConfig` somewhere near its top. */
export function readChartValues(root: Reader): ChartValues | undefined {
  if (root.has("kind") || root.has("apiVersion")) return undefined;
  const found = valuesIn(root.asJson(), 0);
  if (found === undefined) return undefined;
  const { pluginsCustomConfig: files, pluginsConfigFile: file } = found;
  const data = Object.entries(files as object).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string",
  );
  const place = root.place();
  const named = { name: "values", namespace: "default", place };
  return {
    configMap: { ...named, data: new Map(data), placeOf: () => place },
    ...(typeof file === "string"
      ? { picker: { ...named, pool: undefined, configMaps: ["values"], configFile: file } }
      : {}),
  };
}

function valuesIn(value: unknown, depth: number): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const map = value as Readonly<Record<string, unknown>>;
  const files = map.pluginsCustomConfig;
  if (typeof files === "object" && files !== null) return map;
  if (depth >= maxDepth) return undefined;
  for (const each of Object.values(map)) {
    const found = valuesIn(each, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}
