/**
 * Characters that move a terminal's cursor, end a line, reorder what follows or show nothing: controls, lone surrogates,
 * bidirectional controls, zero-width and invisible characters, tags and non-characters.
 */
const unprintable =
  /[\p{Cc}\p{Cs}\p{Bidi_Control}\u180e\u200b\u2028\u2029\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\u{e0000}-\u{e007f}]/gu;

/** Text from outside on one line: what would steer a terminal, a page or a log is written as `\u001b`. */
export function printable(text: string): string {
  return text.replace(unprintable, escaped);
}

/** The same for text of several lines: line feeds stay. */
export function printableLines(text: string): string {
  return text.replace(unprintable, (found) => (found === "\n" ? found : escaped(found)));
}

/** The same, one character for one, so that columns stay where they are. */
export function printableColumns(text: string): string {
  return text.replace(unprintable, (found) => (found === "\t" ? " " : "\ufffd"));
}

/** JSON in which nothing steers the terminal that it is written to; its values are the same. */
export function printableJson(value: unknown): string {
  return printableLines(JSON.stringify(value, null, 2));
}

/** Names the first character of the text that is not printable; absent when all are. */
export function unprintableIn(text: string): string | undefined {
  const at = text.search(unprintable);
  const code = text.codePointAt(at);
  if (at < 0 || code === undefined) return undefined;
  return `the character U+${hex(code).toUpperCase()} at its position ${at + 1}`;
}

/** As JSON and JavaScript write it: by UTF-16 code unit. */
function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, i) => {
    return `\\u${hex(character.charCodeAt(i))}`;
  }).join("");
}

function hex(code: number): string {
  return code.toString(16).padStart(4, "0");
}
