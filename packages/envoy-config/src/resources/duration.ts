import { parseDuration } from "../quantity.ts";
import type { Reader } from "./reader.ts";

/** Reads a GEP-2257 duration (`1h30m`, `500ms`), in ms. Undefined if it is missing or invalid. */
export function durationMs(from: Reader, key: string): number | undefined {
  const text = from.string(key);
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms === undefined) from.wrong(wrongDuration(`\`${key}\``), key);
  return ms;
}

export function durationsMs(from: Reader, key: string): readonly number[] | undefined {
  if (!from.has(key)) return undefined;
  const parsed = from.strings(key).map(parseDuration);
  if (parsed.includes(undefined)) {
    from.wrong(wrongDuration(`every item of \`${key}\``), key);
    return undefined;
  }
  return parsed.flatMap((ms) => ms ?? []);
}

function wrongDuration(what: string): string {
  return `${what} must be a duration such as 30s, 500ms or 1h30m`;
}
