import { isJsonMap } from "../json-map.ts";

/** The runtime guard with which Envoy 1.40 crashes. */
export const crashingGuard = "envoy.reloadable_features.ext_proc_graceful_grpc_close";

/** What the guard does, and when. Follows the name of whatever turns it on. */
export const crashingGuardEffect: string = `turns on ${crashingGuard}: Envoy 1.40 then crashes at the end of any request that lasts longer than 50 s while its worker starts no other`;

/**
 * True where the layers of a bootstrap, given as plain data, turn the guard on. The last layer that sets it counts, as
 * in Envoy. Layers that Envoy reads from elsewhere (a disk, RTDS, its admin interface) are not seen here.
 */
export function turnsOnCrashingGuard(bootstrap: unknown): boolean {
  const runtime = field(bootstrap, "layered_runtime", "layeredRuntime");
  const layers = field(runtime, "layers", "layers");
  if (!Array.isArray(layers)) return false;
  const last = (layers as readonly unknown[])
    .map((layer) => settingIn(field(layer, "static_layer", "staticLayer"), crashingGuard))
    .findLast((isOn) => isOn !== undefined);
  return last ?? false;
}

/** True where the page `/runtime` of Envoy's admin interface, given as plain data, shows that the guard is on. */
export function hasCrashingGuardOn(runtimePage: unknown): boolean {
  const entry = field(field(runtimePage, "entries", "entries"), crashingGuard, crashingGuard);
  return meaning(field(entry, "final_value", "finalValue")) ?? false;
}

/** A key may be split at each of its dots: Envoy joins the names of nested maps. True wins where one layer has both. */
function settingIn(layer: unknown, key: string): boolean | undefined {
  if (!isJsonMap(layer)) return undefined;
  let found = meaning(layer[key]);
  for (let dot = key.indexOf("."); dot !== -1 && found !== true; dot = key.indexOf(".", dot + 1)) {
    found = settingIn(layer[key.slice(0, dot)], key.slice(dot + 1)) ?? found;
  }
  return found;
}

/** Envoy reads text as a boolean too. */
function meaning(value: unknown): boolean | undefined {
  if (typeof value === "boolean") return value;
  const text = typeof value === "string" ? value.trim().toLowerCase() : "";
  return text === "true" ? true : text === "false" ? false : undefined;
}

function field(from: unknown, snake: string, camel: string): unknown {
  return isJsonMap(from) ? (from[snake] ?? from[camel]) : undefined;
}
