import { isJsonMap } from "../json-map.ts";

/** The runtime guard that makes Envoy 1.40 crash. */
export const crashingGuard = "envoy.reloadable_features.ext_proc_graceful_grpc_close";

/** Describes the guard's effect, for a sentence whose subject is what enables it. */
export const crashingGuardEffect: string = `enables ${crashingGuard}: Envoy 1.40 then crashes when a request of more than 50 s ends and its worker started no other request meanwhile`;

/**
 * True if the runtime layers of a bootstrap, given as plain data, enable the guard. As in Envoy, the last layer that
 * sets it wins. Does not see layers that Envoy loads from elsewhere (disk, RTDS, admin interface).
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

/** True if the page `/runtime` of Envoy's admin interface, given as plain data, shows that the guard is enabled. */
export function hasCrashingGuardOn(runtimePage: unknown): boolean {
  const entry = field(field(runtimePage, "entries", "entries"), crashingGuard, crashingGuard);
  return meaning(field(entry, "final_value", "finalValue")) ?? false;
}

/** A key may be split at each dot, because Envoy joins the names of nested maps. If one layer has both forms, true wins. */
function settingIn(layer: unknown, key: string): boolean | undefined {
  if (!isJsonMap(layer)) return undefined;
  let found = meaning(layer[key]);
  for (let dot = key.indexOf("."); dot !== -1 && found !== true; dot = key.indexOf(".", dot + 1)) {
    found = settingIn(layer[key.slice(0, dot)], key.slice(dot + 1)) ?? found;
  }
  return found;
}

/** Envoy also parses text as a boolean. */
function meaning(value: unknown): boolean | undefined {
  if (typeof value === "boolean") return value;
  const text = typeof value === "string" ? value.trim().toLowerCase() : "";
  return text === "true" ? true : text === "false" ? false : undefined;
}

function field(from: unknown, snake: string, camel: string): unknown {
  return isJsonMap(from) ? (from[snake] ?? from[camel]) : undefined;
}
