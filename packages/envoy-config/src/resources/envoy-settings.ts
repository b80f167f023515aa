import { type EnvoySettings, parseSetting, settings } from "../envoy-settings.ts";
import type { Meta } from "./meta.ts";
import type { Reader } from "./reader.ts";
import type { EnvoySettingsResource } from "./resources.ts";

/** Reads a `umbra.dev/v1alpha1` EnvoySettings. Every field has a default. */
export function readEnvoySettings(meta: Meta, spec: Reader): EnvoySettingsResource {
  const read = settings.map(({ name }): Partial<EnvoySettings> => {
    if (!spec.has(name)) return {};
    const parsed = parseSetting(name, spec.scalarText(name) ?? "");
    if (parsed.ok) return parsed.value;
    spec.wrong(parsed.message, name);
    return {};
  });
  return { ...meta, settings: Object.assign({}, ...read) as Partial<EnvoySettings> };
}
