/** Names of top-level fields that a scan looks for. */
export interface JsonKeys {
  readonly names: readonly string[];
  /** Whether a field's value is read, and not only where it stands; by place in `names`. */
  readonly isRead: readonly boolean[];
  /** The place in `names` of a name; -1 of any other. */
  placeOf(name: string): number;
  /** The place in `names` of a key that stands in a text, its quotes included; -1 of any other. */
  find(text: Buffer, keyStart: number, keyEnd: number): number;
}

/**
 * Prepares names, in ASCII, to be found without decoding the keys of a text. Of `read` the values are read, of
 * `located` the places found.
 */
export function jsonKeys(read: readonly string[], located: readonly string[]): JsonKeys {
  const names = [...read, ...located];
  const longest = Math.max(...names.map((name) => name.length));
  const byLength = Array.from({ length: longest + 1 }, (_, length) =>
    names.flatMap((name, place) =>
      name.length === length ? [{ place, bytes: Buffer.from(name) }] : [],
    ),
  );
  const places = new Map(names.map((name, place) => [name, place]));
  // An escape takes up to six bytes for a character.
  const longestEscaped = longest * 6;

  return {
    names,
    placeOf: (name) => places.get(name) ?? -1,
    isRead: names.map((_, place) => place < read.length),
    find(text, keyStart, keyEnd) {
      const start = keyStart + 1;
      const length = keyEnd - 1 - start;
      for (const { place, bytes } of byLength[length] ?? []) {
        if (isAt(text, start, bytes)) return place;
      }
      if (length > longestEscaped || !hasEscape(text, start, keyEnd - 1)) return -1;
      return places.get(JSON.parse(text.toString("utf8", keyStart, keyEnd)) as string) ?? -1;
    },
  };
}

function isAt(text: Uint8Array, start: number, bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) {
    if (text[start + i] !== bytes[i]) return false;
  }
  return true;
}

function hasEscape(text: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    if (text[at] === 0x5c) return true;
  }
  return false;
}
