import type { Reader } from "./reader.ts";
import type { ConfigMap } from "./resources.ts";

/** Reads a ConfigMap's texts. Most are of no concern to Umbra, so nothing of them is reported. */
export function readConfigMap(root: Reader): ConfigMap {
  const metadata = asMap(root.jsonValue("metadata"));
  const data = Object.entries(asMap(root.jsonValue("data"))).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string",
  );
  return {
    name: typeof metadata.name === "string" ? metadata.name : "",
    namespace: typeof metadata.namespace === "string" ? metadata.namespace : "default",
    data: new Map(data),
    place: root.place("kind"),
    placeOf: (key) => root.placeIn("data", key) ?? root.place("kind"),
  };
}

function asMap(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : {};
}
