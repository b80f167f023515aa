/** A message of Envoy's API in its YAML form. Envoy itself checks it: `envoy --mode validate`. */
export type EnvoyObject = { readonly [field: string]: EnvoyValue };
export type EnvoyValue =
  | string
  | number
  | boolean
  | null
  | Reasoned
  | EnvoyObject
  | readonly EnvoyValue[];

/** A value, and why it is there: `umbra render --comments` prints the reason. */
export class Reasoned {
  readonly value: EnvoyValue;
  readonly reason: string;

  constructor(value: EnvoyValue, reason: string) {
    this.value = value;
    this.reason = reason;
  }
}

/** Gives the reason for a value: one sentence. */
export function because(reason: string, value: EnvoyValue): Reasoned {
  return new Reasoned(value, reason);
}

/** A message packed as `Any`. */
export function typed(type: string, fields: EnvoyObject = {}): EnvoyObject {
  return { "@type": `type.googleapis.com/${type}`, ...fields };
}

/** An extension: its name and packed configuration. */
export function extension(name: string, type: string, fields: EnvoyObject = {}): EnvoyObject {
  return { name, typed_config: typed(type, fields) };
}

/** An extension whose type is named after it, as most of Envoy's own are: `filters.http.router` and its `Router`. */
export function builtIn(path: string, message: string, fields: EnvoyObject = {}): EnvoyObject {
  return extension(`envoy.${path}`, `envoy.extensions.${path}.v3.${message}`, fields);
}

/** Protobuf's JSON form of a duration. */
export function duration(milliseconds: number): string {
  return `${milliseconds / 1000}s`;
}
