/** A message of Envoy's API in its YAML form. Envoy itself checks it: `envoy --mode validate`. */
export type EnvoyObject = { readonly [field: string]: EnvoyValue };
export type EnvoyValue = string | number | boolean | null | EnvoyObject | readonly EnvoyValue[];

/** A message packed as `Any`. */
export function typed(type: string, fields: EnvoyObject = {}): EnvoyObject {
  return { "@type": `type.googleapis.com/${type}`, ...fields };
}

/** An extension: its name and packed configuration. */
export function extension(name: string, type: string, fields: EnvoyObject = {}): EnvoyObject {
  return { name, typed_config: typed(type, fields) };
}

/** Protobuf's JSON form of a duration. */
export function duration(milliseconds: number): string {
  return `${milliseconds / 1000}s`;
}
