import { findPrivateData, isSecret } from "./private-data.ts";

/**
 * Removes personal data and credentials from a text: e-mail addresses, telephone and card numbers, keys and tokens.
 * This is a best effort: captured text is still private data.
 */
export function redact(text: string): string {
  return redacted(text).text;
}

export interface Redacted {
  readonly text: string;
  /** There was a card number or a key in it. */
  readonly hasSecret: boolean;
}

/** A part of a text. */
export interface TextPart {
  readonly from: number;
  readonly to: number;
}

/**
 * The same, of a part of the text. What is at an edge of the part is replaced as a whole, so that no half of it is left:
 * a half can't be recognised.
 */
export function redacted(
  text: string,
  { from, to }: TextPart = { from: 0, to: text.length },
): Redacted {
  const pieces: string[] = [];
  let [hasSecret, done] = [false, from];
  for (const found of findPrivateData(text)) {
    if (found.end <= from || found.start >= to) continue;
    pieces.push(text.slice(done, Math.max(done, found.start)), found.mark);
    done = found.end;
    hasSecret ||= isSecret(found);
  }
  pieces.push(text.slice(done, Math.max(done, to)));
  return { text: pieces.join(""), hasSecret };
}
