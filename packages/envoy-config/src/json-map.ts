/** Plain data of a document. */
export type JsonMap = Readonly<Record<string, unknown>>;

export function isJsonMap(value: unknown): value is JsonMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Empty where the value is no map. */
export function asJsonMap(value: unknown): JsonMap {
  return isJsonMap(value) ? value : {};
}

/** Fields whose values are texts. */
export function textsOf(value: unknown): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(asJsonMap(value)).filter(
      (entry): entry is [string, string] => typeof entry[1] === "string",
    ),
  );
}
