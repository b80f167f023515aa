import { KubernetesError } from "./kubernetes-error.ts";

const newline = 0x0a;

/** Cuts a stream of bytes into lines, each of at most `maxBytes`. */
export class LineSplitter {
  readonly #maxBytes: number;
  #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * The lines that are complete with these bytes, without empty ones.
   *
   * @throws KubernetesError TOO_LARGE when a line is longer than the limit
   */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let from = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, from)) {
      this.#keep(chunk.subarray(from, end));
      const line = Buffer.concat(this.#pieces, this.#bytes).toString("utf8");
      if (line.trim() !== "") lines.push(line);
      this.#pieces = [];
      this.#bytes = 0;
      from = end + 1;
    }
    this.#keep(chunk.subarray(from));
    return lines;
  }

  #keep(piece: Buffer): void {
    this.#bytes += piece.length;
    if (this.#bytes > this.#maxBytes) {
      throw new KubernetesError("TOO_LARGE", `an event is larger than ${this.#maxBytes} bytes`);
    }
    if (piece.length > 0) this.#pieces.push(piece);
  }
}
