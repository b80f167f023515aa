import { isJsonMap, type JsonMap, textsOf } from "../json-map.ts";
import type { Reader } from "./reader.ts";
import type { ConfigMap, PickerDeployment } from "./resources.ts";

/** The picker configuration in the values of a reference endpoint picker's chart. */
export interface ChartValues {
  readonly configMap: ConfigMap;
  /** The name of the file in use, if the values set it. */
  readonly picker?: PickerDeployment;
}

const maxDepth = 4;

/** Undefined if the document is not a chart values file, which has no kind and has `pluginsCustomConfig` near its top. */
export function readChartValues(root: Reader): ChartValues | undefined {
  if (root.has("kind") || root.has("apiVersion")) return undefined;
  const found = valuesIn(root.asJson(), 0);
  if (found === undefined) return undefined;
  const { pluginsCustomConfig: files, pluginsConfigFile: file } = found;
  const place = root.place();
  const named = { name: "values", namespace: "default", place };
  return {
    configMap: { ...named, data: textsOf(files), placeOf: () => place },
    ...(typeof file === "string"
      ? { picker: { ...named, pool: undefined, configMaps: ["values"], configFile: file } }
      : {}),
  };
}

function valuesIn(value: unknown, depth: number): JsonMap | undefined {
  if (!isJsonMap(value)) return undefined;
  const files = value.pluginsCustomConfig;
  if (typeof files === "object" && files !== null) return value;
  if (depth >= maxDepth) return undefined;
  for (const each of Object.values(value)) {
    const found = valuesIn(each, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}
