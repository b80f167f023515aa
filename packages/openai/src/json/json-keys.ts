/** Names of top-level fields that a scan looks for. */
export interface JsonKeys {
  readonly names: readonly string[];
  /** Whether a field's value is read, or only located; indexed as `names`. */
  readonly isRead: readonly boolean[];
  /** Index of a name in `names`; -1 if it is not in the list. */
  placeOf(name: string): number;
  /** Index in `names` of a key in a text, given with its quotes; -1 if it is not in the list. */
  find(text: Buffer, keyStart: number, keyEnd: number): number;
}

/**
 * Prepares ASCII names so that they can be found without decoding the keys of a text. Values of `read` fields are read;
 * `located` fields are only located.
 */
export function jsonKeys(read: readonly string[], located: readonly string[]): JsonKeys {
  const names = [...read, ...located];
  const longest = Math.max(0, ...names.map((name) => name.length));
  const byLength = Array.from({ length: longest + 1 }, (_, length) =>
    names.flatMap((name, place) =>
      name.length === length ? [{ place, bytes: Buffer.from(name) }] : [],
    ),
  );
  const places = new Map(names.map((name, place) => [name, place]));
  // An escape takes up to six bytes per character.
  const longestEscaped = longest * 6;
  const scratch = new Uint8Array(longestEscaped);

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
      const unescaped = unescapeKey(text, start, keyEnd - 1, scratch);
      for (const { place, bytes } of byLength[unescaped] ?? []) {
        if (isAt(scratch, 0, bytes)) return place;
      }
      return -1;
    },
  };
}

function isAt(text: Uint8Array, start: number, bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) {
    if (text[start + i] !== bytes[i]) return false;
  }
  return true;
}

/** Writes a key without escapes. Returns its length, or -1 if it is not ASCII. The scan has checked the escapes. */
function unescapeKey(text: Uint8Array, start: number, end: number, into: Uint8Array): number {
  let length = 0;
  for (let at = start; at < end; length++) {
    let byte = text[at++] as number;
    if (byte === backslash) {
      const kind = text[at++] as number;
      if (kind === letterU) {
        byte = 0;
        for (const stop = at + 4; at < stop; at++) {
          byte = byte * 16 + (hexValue[text[at] as number] as number);
        }
      } else byte = meant[kind] as number;
    }
    if (byte > 0x7f) return -1;
    into[length] = byte;
  }
  return length;
}

const backslash = 0x5c;
const letterU = 0x75;
/** Meaning of each escape letter. */
const meant = Uint8Array.from({ length: 256 }, (_, letter) => letter);
for (const [letter, byte] of Object.entries({ b: 8, f: 12, n: 10, r: 13, t: 9 })) {
  meant[letter.charCodeAt(0)] = byte;
}

const hexValue = new Uint8Array(256);
for (const [value, digit] of [..."0123456789abcdef"].entries()) {
  hexValue[digit.charCodeAt(0)] = value;
  hexValue[digit.toUpperCase().charCodeAt(0)] = value;
}

function hasEscape(text: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    if (text[at] === backslash) return true;
  }
  return false;
}
