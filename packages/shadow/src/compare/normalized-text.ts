/** How an answer's text is prepared for comparison. */
export interface TextOptions {
  /** Whether to remove a leading `<think>…</think>` first; true when absent. */
  readonly stripsReasoning?: boolean;
}

/**
 * N(text): the form in which texts are compared. Line ends become LF, characters their composed form (NFC), and white
 * space at both ends is removed. A `<think>` that is never closed stays, and text with over 30 marks on a letter is not
 * composed.
 */
export function normalizeText(text: string, { stripsReasoning = true }: TextOptions = {}): string {
  const visible = stripsReasoning ? withoutReasoning(text) : text;
  const withLineFeeds = visible.replace(/\r\n?/g, "\n");
  return (manyMarks.test(withLineFeeds) ? withLineFeeds : withLineFeeds.normalize("NFC")).trim();
}

/**
 * More marks on one letter than any language has: the limit of Unicode's stream-safe text (UAX 15). Putting them in order
 * takes time that grows with the square of their number.
 */
const manyMarks = /\p{M}{31}/u;

const [opening, closing] = ["<think>", "</think>"] as const;

/** The text after a leading `<think>…</think>`; the whole text if there is none, or it is never closed. */
export function withoutReasoning(text: string): string {
  const start = text.trimStart();
  if (!start.startsWith(opening)) return text;
  const end = start.indexOf(closing);
  return end === -1 ? text : start.slice(end + closing.length);
}

/** Code points of a text, at most `most` of them. A lone surrogate is a code point of its own. */
export function codePointsOf(text: string, most: number = text.length): Uint32Array {
  const points = new Uint32Array(Math.min(most, text.length));
  let count = 0;
  for (let i = 0; i < text.length && count < points.length; count++) {
    const point = text.codePointAt(i) ?? 0;
    points[count] = point;
    i += point > 0xffff ? 2 : 1;
  }
  return points.subarray(0, count);
}

/** The first `most` code points of a text. */
export function headOf(text: string, most: number): string {
  if (text.length <= most) return text;
  let units = 0;
  for (let count = 0; count < most && units < text.length; count++) {
    units += (text.codePointAt(units) ?? 0) > 0xffff ? 2 : 1;
  }
  return text.slice(0, units);
}
