/** Moves a terminal's cursor, ends a line, or turns the direction of what follows around. */
const unprintable =
  /[\p{Cc}\p{Cs}\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ufffe\uffff]/gu;

/** Text from outside on one line: what would steer a terminal is written as `\u001b`. */
export function printable(text: string): string {
  return text.replace(unprintable, (found) => `\\u${hex(found)}`);
}

/** The same, one character for one, so that columns stay where they are. */
export function printableLine(text: string): string {
  return text.replace(unprintable, (found) => (found === "\t" ? " " : "\ufffd"));
}

/** JSON in which nothing steers a terminal that it is written to. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(unprintable, (found) =>
    found === "\n" ? found : `\\u${hex(found)}`,
  );
}

function hex(character: string): string {
  return character.charCodeAt(0).toString(16).padStart(4, "0");
}

/** Names the first character of the text that is not printable. */
export function unprintableIn(text: string): string | undefined {
  const at = text.search(unprintable);
  if (at < 0) return undefined;
  return `the character U+${hex(text.slice(at)).toUpperCase()} at its position ${at + 1}`;
}
