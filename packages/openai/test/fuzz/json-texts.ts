/** A number of a repeatable series, from 0 up to 1. */
export type Random = () => number;

/** The series of a seed (mulberry32). */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/**
 * A text that is JSON, or nearly: keys that are repeated or written with escapes, odd numbers, lone surrogates, bytes
 * that are no UTF-8, deep nesting, white space of all kinds, and in half of them something cut, changed or added.
 * It stands at any place in its memory, between quotes that are not its own.
 */
export function jsonText(random: Random): Buffer {
  const maker = new Maker(random);
  const top = maker.chance(0.93) ? maker.object(0) : maker.value(0);
  const text = `${maker.space()}${top}${maker.space()}`;
  return placed(random, maker.chance(0.5) ? spoilt(maker, Buffer.from(text)) : Buffer.from(text));
}

const names = ["model", "stream", "max_tokens", "messages"];
const otherNames = [
  "",
  "m",
  "mode",
  "models",
  "Model",
  "streams",
  "__proto__",
  "a b",
  "é",
  "max_token\u0000",
];
const plainRuns = ["a", "word ", "é", "模型", "🚀", "/", "'", "{", "}", "[", "]", ":", ",", "0"];
const escapes = [
  '\\"',
  "\\\\",
  "\\/",
  "\\b",
  "\\f",
  "\\n",
  "\\r",
  "\\t",
  "\\u0041",
  "\\u00e9",
  "\\uD83D\\uDE80",
  "\\ud800",
  "\\uDFFF",
  "\\u0000",
  "\\u001F",
];
const badEscapes = ["\\x", "\\u12", "\\u12g4", "\\U0041", "\\'", "\\0", "\\u 041", "\\\n"];
const numbers = [
  "0",
  "-0",
  "1",
  "-1",
  "42",
  "3.25",
  "1e3",
  "1E+3",
  "1e-3",
  "-1.5e300",
  "1e999",
  "-1e999",
  "1e-999",
  "9007199254740993",
  "123456789",
  "1234567890",
  "0.1",
  "999999999999999999999999",
  "5e-324",
];
const badNumbers = [
  "01",
  "-",
  "+1",
  ".5",
  "1.",
  "1e",
  "1e+",
  "0x10",
  "-01",
  "1.e3",
  "--1",
  "1_000",
  "NaN",
  "Infinity",
  "1e1.5",
  "00",
  "\u0661",
];
const words = ["true", "false", "null"];
const badWords = ["True", "tru", "truee", "nul", "undefined", "fals", "t"];
const spaces = ["", "", "", " ", "\n", "\r\n", "\t", "    ", "\n      "];
const badSpaces = ["\u00a0", "\f", "\v", "\u2028", "\ufeff", "\u0000", "//\n", "\u0085"];

class Maker {
  readonly random: Random;

  constructor(random: Random) {
    this.random = random;
  }

  chance(share: number): boolean {
    return this.random() < share;
  }

  below(count: number): number {
    return Math.floor(this.random() * count);
  }

  oneOf(texts: readonly string[]): string {
    return texts[this.below(texts.length)] ?? "";
  }

  space(): string {
    return this.chance(0.002) ? this.oneOf(badSpaces) : this.oneOf(spaces);
  }

  value(depth: number): string {
    const kind = this.random();
    if (depth < 6 && kind < 0.14) return this.object(depth + 1);
    if (depth < 6 && kind < 0.28) return this.list(depth + 1);
    if (kind < 0.6) return this.string();
    if (kind < 0.8) return this.number();
    if (kind < 0.81) return this.deep();
    return this.oneOf(this.chance(0.005) ? badWords : words);
  }

  object(depth: number): string {
    let text = `{${this.space()}`;
    const count = this.below(depth === 0 ? 7 : 4);
    for (let i = 0; i < count; i++) {
      text += `${i === 0 ? "" : `,${this.space()}`}${this.key()}${this.space()}:${this.space()}`;
      text += `${this.value(depth)}${this.space()}`;
    }
    return `${text}}`;
  }

  list(depth: number): string {
    let text = `[${this.space()}`;
    const count = this.below(5);
    for (let i = 0; i < count; i++) {
      text += `${i === 0 ? "" : `,${this.space()}`}${this.value(depth)}${this.space()}`;
    }
    return `${text}]`;
  }

  key(): string {
    if (this.chance(0.1)) return this.string();
    const name = this.oneOf(this.chance(0.8) ? names : otherNames);
    if (this.chance(0.8)) return JSON.stringify(name);
    // Some of its letters as escapes.
    const letters = [...name].map((letter) => {
      if (!this.chance(0.4)) return JSON.stringify(letter).slice(1, -1);
      const digits = letter.charCodeAt(0).toString(16).padStart(4, "0");
      return `\\u${this.chance(0.5) ? digits : digits.toUpperCase()}`;
    });
    return `"${letters.join("")}"`;
  }

  string(): string {
    let text = '"';
    const count = this.below(this.chance(0.1) ? 20 : 4);
    for (let i = 0; i < count; i++) {
      const kind = this.random();
      if (kind < 0.6) text += this.oneOf(plainRuns).repeat(1 + this.below(12));
      else if (kind < 0.9) text += this.oneOf(escapes);
      else if (kind < 0.902) text += this.oneOf(badEscapes);
      else if (kind < 0.903) text += `\\${String.fromCharCode(0x20 + this.below(0x60))}`;
      else if (kind < 0.906) text += String.fromCharCode(this.below(0x20));
      else if (kind < 0.93) text += this.oneOf(plainRuns).repeat(this.below(600));
      else text += String.fromCharCode(0x20 + this.below(0xd7e0)).replaceAll(/["\\]/g, "q");
    }
    if (this.chance(0.002)) text += "x".repeat(4_080 + this.below(30));
    return `${text}"`;
  }

  number(): string {
    const kind = this.random();
    if (kind < 0.3) return String(this.below(100_000));
    if (kind < 0.4) return `1${String(this.random()).slice(2, 3 + this.below(20))}`;
    if (kind < 0.5) return String((this.random() - 0.5) * 10 ** this.below(40));
    if (kind < 0.99) return this.oneOf(numbers);
    return kind < 0.996 ? this.oneOf(badNumbers) : "7".repeat(1 + this.below(5_000));
  }

  /** About as deep as is still taken. */
  deep(): string {
    const levels = 115 + this.below(20);
    const isList = this.chance(0.5);
    const closed = this.chance(0.95) ? levels : levels - 1;
    return isList
      ? `${"[".repeat(levels)}${"]".repeat(closed)}`
      : `${'{"a":'.repeat(levels)}1${"}".repeat(closed)}`;
  }
}

/** One to three changes, by bytes. */
function spoilt(maker: Maker, text: Buffer): Buffer {
  let spoiltText = text;
  for (let i = 1 + maker.below(3); i > 0; i--) {
    const at = maker.below(spoiltText.length + 1);
    const before = spoiltText.subarray(0, at);
    const other = maker.below(spoiltText.length + 1);
    switch (maker.below(8)) {
      case 0:
        spoiltText = before;
        break;
      case 1:
        spoiltText = Buffer.concat([before, spoiltText.subarray(at + 1)]);
        break;
      case 2:
        spoiltText = Buffer.concat([before, Buffer.of(maker.below(256)), spoiltText.subarray(at)]);
        break;
      case 3: {
        const mark = Buffer.from('"\\{}[]:,0e-.tfn \n\u0000'.charAt(maker.below(18)));
        spoiltText = Buffer.concat([before, mark, spoiltText.subarray(at + maker.below(2))]);
        break;
      }
      case 4:
        spoiltText = Buffer.concat([
          before,
          spoiltText.subarray(Math.min(at, other), other),
          spoiltText.subarray(at),
        ]);
        break;
      case 5:
        spoiltText = Buffer.concat([
          spoiltText,
          Buffer.from(maker.oneOf(["}", "]", ",", "x", "{}", " null", "\u0000", '"'])),
        ]);
        break;
      case 6:
        spoiltText = Buffer.concat([
          Buffer.from(maker.oneOf(["\ufeff", " ", "\u0000", "x", "["])),
          spoiltText,
        ]);
        break;
      default:
        spoiltText = Buffer.concat([
          before,
          Buffer.from([0xc3, 0x28, 0xff, 0xed, 0xa0, 0x80].slice(maker.below(6))),
          spoiltText.subarray(at),
        ]);
    }
  }
  return spoiltText;
}

function placed(random: Random, text: Buffer): Buffer {
  const offset = Math.floor(random() * 9);
  const memory = Buffer.alloc(offset + text.length + 9, '"');
  text.copy(memory, offset);
  return memory.subarray(offset, offset + text.length);
}
