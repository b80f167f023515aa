/** Receives a normalized text as it becomes known. */
export interface TextSink {
  add(piece: string): void;
  /** Discards the text added so far: it was reasoning. */
  reset(): void;
}

const [opening, closing] = ["<think>", "</think>"] as const;

/** Normalizes a text piece by piece, like `normalizeText`. Keeps only what the next piece may change. */
export class StreamedText {
  readonly #sink: TextSink;
  #state: "start" | "thinking" | "visible";
  /** The end of the text so far, if it may be the start of a `<think>` or `</think>`. */
  #mark = "";
  #endsWithReturn = false;
  /** The last letter and its marks, to which the next piece may add one. */
  #letter = "";
  #marks = 0;
  /** White space that belongs to the text only if more text follows. */
  #space = "";
  #isEmpty = true;

  constructor(sink: TextSink, { stripsReasoning }: { readonly stripsReasoning: boolean }) {
    this.#sink = sink;
    this.#state = stripsReasoning ? "start" : "visible";
  }

  /** Units that are kept for the next piece. */
  get heldUnits(): number {
    return this.#mark.length + this.#letter.length + this.#space.length;
  }

  /** Adds a piece, in whole characters. */
  add(piece: string): void {
    if (this.#state === "start") this.#start(piece);
    else if (this.#state === "thinking") this.#think(piece);
    else this.#addLines(piece);
  }

  /** The text has ended. */
  end(): void {
    if (this.#state === "start") this.#addLines(this.#mark);
    this.#emit(composed(this.#letter));
    this.clear();
  }

  /** Drops what is kept. */
  clear(): void {
    [this.#mark, this.#letter, this.#space, this.#marks] = ["", "", "", 0];
    [this.#isEmpty, this.#endsWithReturn] = [true, false];
  }

  #start(piece: string): void {
    this.#mark = (this.#mark + piece).trimStart();
    const isOpen = this.#mark.startsWith(opening);
    if (!isOpen && opening.startsWith(this.#mark)) return;
    const text = this.#mark;
    this.#mark = "";
    this.#state = isOpen ? "thinking" : "visible";
    this.add(text);
  }

  /** Reasoning counts as text until it is closed. */
  #think(piece: string): void {
    const text = this.#mark + piece;
    const end = text.indexOf(closing);
    if (end === -1) {
      this.#addLines(piece);
      this.#mark = text.slice(1 - closing.length);
      return;
    }
    this.clear();
    this.#sink.reset();
    this.#state = "visible";
    this.#addLines(text.slice(end + closing.length));
  }

  #addLines(piece: string): void {
    if (piece === "") return;
    const text = this.#endsWithReturn && piece.startsWith("\n") ? piece.slice(1) : piece;
    this.#endsWithReturn = piece.endsWith("\r");
    this.#compose(text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text);
  }

  /** Passes on what no later piece can change: everything but the last letter with its marks. */
  #compose(text: string): void {
    if (text === "") return;
    if (standAlone.test(text)) {
      const last = text.length - (isLowSurrogate(text.charCodeAt(text.length - 1)) ? 2 : 1);
      this.#emit(composed(this.#letter));
      this.#emit(text.slice(0, last).normalize("NFC"));
      [this.#letter, this.#marks] = [text.slice(last), 0];
      return;
    }
    for (const character of text) {
      if (standAlone.test(character) || ++this.#marks > maxMarks) {
        this.#emit(composed(this.#letter));
        [this.#letter, this.#marks] = ["", 0];
      }
      this.#letter += character;
    }
  }

  #emit(piece: string): void {
    const text = this.#isEmpty ? piece.trimStart() : piece;
    if (text === "") return;
    const end = text.trimEnd().length;
    if (end === 0) {
      this.#space += text;
      return;
    }
    this.#sink.add(this.#space + text.slice(0, end));
    this.#space = text.slice(end);
    this.#isEmpty = false;
  }
}

/**
 * Characters that are never composed with the one before them: all but marks, the vowels and final consonants of Hangul
 * letters, and those of Kirat Rai.
 */
const standAlone = /^[^\p{M}\u1160-\u11ff\ud7b0-\ud7ff\u{16d60}-\u{16d6f}]*$/u;

/** Marks of one letter that are put in order, as in `normalizeText`. With those after them, a new letter begins. */
const maxMarks = 30;

function composed(letter: string): string {
  return letter.normalize("NFC");
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}
