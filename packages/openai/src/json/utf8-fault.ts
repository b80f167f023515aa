import { isUtf8 } from "node:buffer";

/** Byte offset of the first invalid UTF-8; -1 if the text is valid. A valid text is read once, by SIMD. */
export function utf8FaultIn(text: Buffer): number {
  if (isUtf8(text)) return -1;
  let start = 0;
  while (start < text.length) {
    const end = endOfPiece(text, start);
    const piece = text.subarray(start, end);
    if (!isUtf8(piece)) return start + faultInPiece(piece);
    start = end;
  }
  return text.length;
}

const pieceBytes = 65_536;

/** End of a piece that does not split a character of valid UTF-8. */
function endOfPiece(text: Buffer, start: number): number {
  let end = Math.min(start + pieceBytes, text.length);
  for (let back = 0; back < 3 && end < text.length && isContinuation(text[end]); back++) end--;
  return end;
}

function isContinuation(byte: number | undefined): boolean {
  return ((byte ?? 0) & 0xc0) === 0x80;
}

/** A decoder replaces invalid UTF-8 by U+FFFD, so the fault is where the text and its re-encoded copy differ. */
function faultInPiece(piece: Buffer): number {
  const copy = Buffer.from(piece.toString("utf8"));
  let at = 0;
  while (at < piece.length && piece[at] === copy[at]) at++;
  return at;
}
