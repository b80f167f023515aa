import { type EnvoyObject, type EnvoyValue, Finished, Reasoned } from "./envoy-object.ts";
import type { Plain, PlainMap } from "./plain-map.ts";

export type { Plain, PlainMap };

export function isMap(value: Plain | undefined): value is PlainMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The maps of a list; none if it is no list. */
export function mapsOf(value: Plain | undefined): readonly PlainMap[] {
  return Array.isArray(value) ? value.filter(isMap) : [];
}

/** Removes the reasons from a message. */
export function plainOf(message: EnvoyObject): PlainMap {
  return Object.fromEntries(
    Object.entries(message).map(([field, value]) => [field, plainValue(value)]),
  );
}

function plainValue(value: EnvoyValue): Plain {
  if (value instanceof Reasoned) return plainValue(value.value);
  if (value instanceof Finished) return value.plain;
  if (typeof value !== "object" || value === null) return value;
  return Array.isArray(value) ? value.map(plainValue) : plainOf(value as EnvoyObject);
}
