/** A part of a text, with whole lines. */
export interface Segment {
  readonly text: string;
  /** Lines of the text above it. */
  readonly linesAbove: number;
}

/**
 * Splits a text of YAML before each `---` that begins a line, which always begins a document. A text with directives
 * (`%`) or ends of documents (`...`) stays whole, because these decide together with `---` where a document begins.
 */
export function splitText(text: string): readonly Segment[] {
  if (/^(?:%|\.\.\.(?:\s|$))/m.test(text)) return [{ text, linesAbove: 0 }];
  const segments: Segment[] = [];
  let begin = 0;
  let linesAbove = 0;
  let line = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) {
    line++;
    if (!isSeparator(text, at + 1)) continue;
    segments.push({ text: text.slice(begin, at + 1), linesAbove });
    begin = at + 1;
    linesAbove = line;
  }
  segments.push({ text: text.slice(begin), linesAbove });
  return segments;
}

/** A text cannot begin a line with `---` otherwise: values in several lines are indented. */
function isSeparator(text: string, at: number): boolean {
  return text.startsWith("---", at) && /^\s?$/.test(text.charAt(at + 3));
}
