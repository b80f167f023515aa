/** Cuts a byte stream into the `data` of server-sent events, whatever way the bytes are chunked. */
export interface SseLines {
  /** Returns the data lines that this chunk completes, as text. */
  push(chunk: Uint8Array): readonly string[];
  /** The last line, if the stream ended without a newline behind it. */
  end(): readonly string[];
  /** A line was too long to keep; it was skipped. */
  hasSkipped(): boolean;
  /** Lines so far. */
  lineCount(): number;
  /** Memory that a line without its end takes, in bytes; an estimate. */
  heldBytes(): number;
  /** An event was named `error`, or a line was an `error:` field, as llama.cpp once wrote them. */
  hasError(): boolean;
}

/** What a kept piece takes beside its bytes. */
export const pieceBytes = 128;
const newline = 0x0a;
/** Of `data`, and of `event` and `error`. */
const letterD = 0x64;
const letterE = 0x65;

/** A line longer than `maxLineBytes` is skipped: memory stays bounded whatever comes. */
export function createSseLines(maxLineBytes: number = 1024 * 1024): SseLines {
  let [pending, pendingBytes, lineCount] = [[] as Buffer[], 0, 0];
  let [isSkipping, hasSkipped, hasError] = [false, false, false];

  function reset(): void {
    if (pendingBytes > 0) pending = [];
    pendingBytes = 0;
    isSkipping = false;
  }

  function keep(piece: Buffer): void {
    if (isSkipping) return;
    if (pendingBytes + piece.length > maxLineBytes) {
      reset();
      isSkipping = true;
      hasSkipped = true;
      return;
    }
    pending.push(piece);
    pendingBytes += piece.length;
  }

  function takeLine(last: Buffer, lines: string[]): void {
    lineCount++;
    // Most lines are empty, and comments and other fields need no look.
    const first = pending[0]?.[0] ?? last[0];
    const isWanted = first === letterD || first === letterE;
    if (isWanted) keep(last);
    if (isWanted && !isSkipping) {
      const written = textOf(pending);
      const data = dataOf(written);
      if (data !== undefined) lines.push(data);
      else if (errorLine.test(written)) hasError = true;
    }
    reset();
  }

  return {
    hasSkipped: () => hasSkipped,
    hasError: () => hasError,
    lineCount: () => lineCount,
    heldBytes: () => pendingBytes + pending.length * pieceBytes,
    push(chunk) {
      const lines: string[] = [];
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      let start = 0;
      for (;;) {
        const end = bytes.indexOf(newline, start);
        if (end < 0) break;
        takeLine(bytes.subarray(start, end), lines);
        start = end + 1;
      }
      // A copy: the chunk belongs to the caller, and may be a view of a large message.
      if (start < bytes.length) keep(Buffer.from(bytes.subarray(start)));
      return lines;
    },
    end() {
      const lines: string[] = [];
      if (pendingBytes > 0) takeLine(Buffer.alloc(0), lines);
      return lines;
    },
  };
}

function textOf(pieces: readonly Buffer[]): string {
  const [only] = pieces;
  return (pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces)).toString(
    "utf8",
  );
}

const errorLine = /^(?:event: *error\s*$|error:)/;

function dataOf(line: string): string | undefined {
  if (!line.startsWith("data:")) return undefined;
  return line.slice(5).trim();
}
