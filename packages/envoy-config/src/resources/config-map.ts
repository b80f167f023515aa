import { asJsonMap, textsOf } from "../json-map.ts";
import type { Reader } from "./reader.ts";
import type { ConfigMap } from "./resources.ts";

/** Kubernetes does not accept larger ConfigMaps. */
const maxTextLength = 1024 * 1024;

/** Reads a ConfigMap's texts. Reports nothing, because most ConfigMaps are not for Umbra. */
export function readConfigMap(root: Reader): ConfigMap {
  const { name, namespace } = asJsonMap(root.jsonValue("metadata"));
  const places = root.placesIn("data");
  const place = root.place("kind");
  return {
    name: typeof name === "string" ? name : "",
    namespace: typeof namespace === "string" ? namespace : "default",
    data: textsOf(root.jsonValue("data")),
    place,
    placeOf: (key) => places.get(key) ?? place,
  };
}

/** Whether a text may be an EndpointPickerConfig. The pattern only matches within a line, so it takes linear time. */
export function isPickerConfigText(text: string): boolean {
  if (text.length > maxTextLength || !text.includes("EndpointPickerConfig")) return false;
  return /^[ \t]*["']?kind["']?[ \t]*:[ \t]*["']?EndpointPickerConfig\b/m.test(text);
}
