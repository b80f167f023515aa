/** Plain data of a document. */
export type JsonMap = Readonly<Record<string, unknown>>;

export function isJsonMap(value: unknown): value is JsonMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Returns the value, or an empty map if it is not a map. */
export function asJsonMap(value: unknown): JsonMap {
  return isJsonMap(value) ? value : {};
}

/** Returns the fields with text values. */
export function textsOf(value: unknown): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(asJsonMap(value)).filter(
      (entry): entry is [string, string] => typeof entry[1] === "string",
    ),
  );
}
