import { type EnvoySettings, reasonOf } from "../envoy-settings.ts";
import { because, duration, type EnvoyValue, type Reasoned } from "./envoy-object.ts";

/** Returns a setting's value with its reason. `write` converts it to Envoy's form. */
export function setting<K extends keyof EnvoySettings>(
  options: EnvoySettings,
  key: K,
  write: (value: EnvoySettings[K]) => EnvoyValue = (value) => value,
): Reasoned {
  return because(reasonOf(key), write(options[key]));
}

/** Returns a duration setting in Envoy's form. */
export function timeSetting(options: EnvoySettings, key: TimeKey): Reasoned {
  return setting(options, key, duration);
}

type TimeKey = Extract<keyof EnvoySettings, `${string}Ms`>;
