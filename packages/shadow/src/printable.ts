/**
 * Characters that move a terminal's cursor, end a line, reorder the text or are invisible: controls, lone surrogates,
 * bidirectional controls, zero-width and invisible characters, tags and non-characters.
 */
const unprintable =
  /[\p{Cc}\p{Cs}\p{Bidi_Control}\u180e\u200b\u2028\u2029\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\u{e0000}-\u{e007f}]/gu;

/** Makes text from outside safe to print on one line: control characters are written like `\u001b`. */
export function printable(text: string): string {
  return text.replace(unprintable, escaped);
}

/** Like `printable`, but keeps line feeds. */
export function printableLines(text: string): string {
  return text.replace(unprintable, (found) => (found === "\n" ? found : escaped(found)));
}

/** Like `printable`, but replaces each character by one character, so that columns stay aligned. */
export function printableColumns(text: string): string {
  return text.replace(unprintable, (found) => (found === "\t" ? " " : "\ufffd"));
}

/** Formats JSON without characters that control a terminal. Its values are unchanged. */
export function printableJson(value: unknown): string {
  return printableLines(JSON.stringify(value, null, 2));
}

/** Describes the first character of the text that is not printable; undefined if there is none. */
export function unprintableIn(text: string): string | undefined {
  const at = text.search(unprintable);
  const code = text.codePointAt(at);
  if (at < 0 || code === undefined) return undefined;
  return `the character U+${hex(code).toUpperCase()} at position ${at + 1}`;
}

/** Escapes by UTF-16 code unit, as in JSON and JavaScript. */
function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, i) => {
    return `\\u${hex(character.charCodeAt(i))}`;
  }).join("");
}

function hex(code: number): string {
  return code.toString(16).padStart(4, "0");
}
