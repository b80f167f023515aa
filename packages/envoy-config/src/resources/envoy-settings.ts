import { type EnvoySettings, parseSetting, type Setting, settings } from "../envoy-settings.ts";
import type { Meta } from "./meta.ts";
import type { Reader } from "./reader.ts";
import type { EnvoySettingsResource } from "./resources.ts";

/** `umbra.dev/v1alpha1`. Every field has a default. */
export function readEnvoySettings(meta: Meta, spec: Reader): EnvoySettingsResource {
  const read = settings.map((setting) => readSetting(spec, setting));
  spec.warnUnknown();
  return { ...meta, settings: Object.assign({}, ...read) as Partial<EnvoySettings> };
}

function readSetting(spec: Reader, setting: Setting): Partial<EnvoySettings> {
  const { name } = setting;
  if (!spec.has(name)) return {};
  const parsed = parseSetting(name, spec.scalarText(name) ?? "");
  if (parsed.ok) return parsed.value;
  spec.report("error", "UMB0104", parsed.message, name);
  return {};
}
