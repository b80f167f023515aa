import type { PlainMap } from "./plain-map.ts";

/** A message of Envoy's API in its YAML form. Envoy itself checks it: `envoy --mode validate`. */
export type EnvoyObject = { readonly [field: string]: EnvoyValue };
export type EnvoyValue =
  | string
  | number
  | boolean
  | null
  | Reasoned
  | Finished
  | EnvoyObject
  | readonly EnvoyValue[];

/** A value with the reason for it, which `umbra render --comments` prints. */
export class Reasoned {
  readonly value: EnvoyValue;
  readonly reason: string;

  constructor(value: EnvoyValue, reason: string) {
    this.value = value;
    this.reason = reason;
  }
}

/** A message that is plain data already, without reasons. */
export class Finished {
  readonly plain: PlainMap;

  constructor(plain: PlainMap) {
    this.plain = plain;
  }
}

/** Adds the reason for a value, in one sentence. */
export function because(reason: string, value: EnvoyValue): Reasoned {
  return new Reasoned(value, reason);
}

/** Packs a message as `Any`. */
export function typed(type: string, fields: EnvoyObject = {}): EnvoyObject {
  return { "@type": `type.googleapis.com/${type}`, ...fields };
}

/** Creates an extension from its name and packed configuration. */
export function extension(name: string, type: string, fields: EnvoyObject = {}): EnvoyObject {
  return { name, typed_config: typed(type, fields) };
}

/** Creates an extension whose type follows from its name, as for most of Envoy's: `filters.http.router` has type `Router`. */
export function builtIn(path: string, message: string, fields: EnvoyObject = {}): EnvoyObject {
  return extension(`envoy.${path}`, `envoy.extensions.${path}.v3.${message}`, fields);
}

/** Formats a duration in protobuf's JSON form. */
export function duration(milliseconds: number): string {
  return `${milliseconds / 1000}s`;
}
