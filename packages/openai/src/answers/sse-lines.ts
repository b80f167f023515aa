import { LineBuffer } from "./line-buffer.ts";

/** Splits a byte stream into the `data` lines of server-sent events, for any chunking. */
export interface SseLines {
  /** Returns the data lines that this chunk completes, as text. */
  push(chunk: Uint8Array): readonly string[];
  /** Returns the last line if the stream ended without a newline. */
  end(): readonly string[];
  /** True if a line was too long and was skipped. */
  hasSkipped(): boolean;
  /** Number of lines so far. */
  lineCount(): number;
  /** Estimated memory of an incomplete line, in bytes. */
  heldBytes(): number;
  /** True if an event was named `error`, or a line was an `error:` field as in old versions of llama.cpp. */
  hasError(): boolean;
}

/** Overhead of a buffer, in bytes. */
export const pieceBytes = 128;
const nothing = Buffer.alloc(0);
const newline = 0x0a;
/** First letter of `data`. */
const letterD = 0x64;
const letterE = 0x65;

/** Creates the splitter. Lines longer than `maxLineBytes` are skipped, so memory is bounded. */
export function createSseLines(maxLineBytes: number = 1024 * 1024): SseLines {
  const line = new LineBuffer(maxLineBytes);
  let lineCount = 0;
  let [isSkipping, hasSkipped, hasError] = [false, false, false];

  function skip(): void {
    line.clear();
    isSkipping = true;
    hasSkipped = true;
  }

  function takeLine(last: Buffer, lines: string[]): void {
    lineCount++;
    // Most lines are empty; comments and other fields are not needed.
    const first = line.first ?? last[0];
    if (!isSkipping && (first === letterD || first === letterE)) {
      const written = line.textWith(last);
      const data = written === undefined ? undefined : dataOf(written);
      if (written === undefined) hasSkipped = true;
      else if (data !== undefined) lines.push(data);
      else if (errorLine.test(written)) hasError = true;
    }
    line.clear();
    isSkipping = false;
  }

  return {
    hasSkipped: () => hasSkipped,
    hasError: () => hasError,
    lineCount: () => lineCount,
    heldBytes: () => (line.length === 0 ? 0 : line.room + pieceBytes),
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
      if (start < bytes.length && !isSkipping && !line.add(bytes.subarray(start))) skip();
      return lines;
    },
    end() {
      const lines: string[] = [];
      if (line.length > 0) takeLine(nothing, lines);
      return lines;
    },
  };
}

const errorLine = /^(?:event: *error\s*$|error:)/;

function dataOf(line: string): string | undefined {
  if (!line.startsWith("data:")) return undefined;
  return line.slice(5).trim();
}
