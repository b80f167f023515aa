/** A line of a file, counted from 1. `text` is undefined if the line is longer than allowed. */
export interface Line {
  readonly number: number;
  readonly text: string | undefined;
}

const newline = 10;

/**
 * Cuts bytes into lines of at most `maxBytes`, with no more than one line in memory. Bytes that are not UTF-8 become
 * U+FFFD, wherever the chunks are cut. The last line needs no line end.
 */
export async function* boundedLines(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<Line> {
  const decoder = new TextDecoder();
  let [number, length] = [1, 0];
  let parts: Uint8Array[] = [];

  function take(part: Uint8Array): void {
    length += part.length;
    if (length > maxBytes) parts = [];
    else if (part.length > 0) parts.push(part);
  }

  function ended(): Line {
    const text = length > maxBytes ? undefined : decoder.decode(Buffer.concat(parts));
    const line = { number, text };
    [number, length, parts] = [number + 1, 0, []];
    return line;
  }

  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, from)) {
      take(chunk.subarray(from, end));
      from = end + 1;
      yield ended();
    }
    // A copy, since a stream may use the chunk's memory again.
    take(chunk.slice(from));
  }
  if (length > 0) yield ended();
}
