import { type EnvoyObject, type EnvoyValue, Reasoned } from "./envoy-object.ts";

/** Removes the reasons from a message. */
export type Plain = string | number | boolean | null | PlainMap | readonly Plain[];
export type PlainMap = { readonly [field: string]: Plain };

export function plainOf(message: EnvoyObject): PlainMap {
  return Object.fromEntries(
    Object.entries(message).map(([field, value]) => [field, plainValue(value)]),
  );
}

function plainValue(value: EnvoyValue): Plain {
  if (value instanceof Reasoned) return plainValue(value.value);
  if (typeof value !== "object" || value === null) return value;
  return Array.isArray(value) ? value.map(plainValue) : plainOf(value as EnvoyObject);
}
