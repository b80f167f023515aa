import { asJsonMap, textsOf } from "../json-map.ts";
import type { Reader } from "./reader.ts";
import type { ConfigMap } from "./resources.ts";

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
