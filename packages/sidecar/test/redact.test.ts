import { describe, expect, test } from "@jest/globals";
import { redact } from "@umbra/sidecar/internal";
import fc from "fast-check";
import { findPrivateData, lastWhole, type ReadText } from "../src/capture/private-data.ts";
import { redacted } from "../src/capture/redact.ts";

test.each([
  { text: "write to ann.b+x@example.co.uk now", want: "write to [e-mail] now" },
  { text: "write to ann@example.com.", want: "write to [e-mail]." },
  { text: "jürgen.groß@bücher.example, please", want: "[e-mail], please" },
  { text: "联系jane@example.com谢谢", want: "联系[e-mail]谢谢" },
  { text: "a@b@example.com", want: "a@[e-mail]" },
  { text: "not one: a@b, @c.d, x@.e", want: "not one: a@b, @c.d, x@.e" },
  { text: `${"long.".repeat(40)}name@example.com`, want: "[e-mail]" },
  { text: "call +49 (170) 123-4567", want: "call [phone]" },
  { text: "call (030) 123 4567", want: "call [phone]" },
  { text: "card 4111 1111 1111 1111 ok", want: "card [card] ok" },
  { text: "no card: 4111 1111 1111 1112", want: "no card: 4111 1111 1111 1112" },
  { text: "item 7 4111 1111 1111 1111", want: "item 7 [card]" },
  { text: "12345678 4111111111111111 2026", want: "12345678 [card] 2026" },
  { text: "3782 822463 10005, amex", want: "[card], amex" },
  {
    text: "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17",
    want: "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17",
  },
  { text: "sk-proj-abcdefghijklmnopqrstuv", want: "[key]" },
  { text: "api_key=sk-abcdefghijklmnopqrstuv", want: "[key]" },
  { text: "skilfully_implemented_things", want: "skilfully_implemented_things" },
  { text: "token a8F3kL9zQ2xV7bN4mC6wE1rT", want: "token [key]" },
  { text: "the year 2026 and 12345 apples", want: "the year 2026 and 12345 apples" },
  { text: "internationalization_of_everything", want: "internationalization_of_everything" },
])("$text", ({ text, want }) => {
  expect(redact(text)).toBe(want);
});

/** Counts the characters that are read. */
class CountedText implements ReadText {
  readonly #text: string;
  reads = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get length(): number {
    return this.#text.length;
  }

  charCodeAt(index: number): number {
    this.reads++;
    return this.#text.charCodeAt(index);
  }

  slice(start: number, end: number): string {
    this.reads += Math.max(0, end - start);
    return this.#text.slice(start, end);
  }
}

function readsOf(text: string): number {
  const counted = new CountedText(text);
  findPrivateData(counted);
  return counted.reads;
}

/** Each of the three rules reads a character at most twice, and each group of a number up to seven times. */
const mostReads = 16;

describe("the time of redaction", () => {
  test.each([
    "a@",
    "a.",
    "a.b@",
    ".",
    "a@b.",
    "@a.",
    "x".repeat(64),
    "1 ",
    "1",
    "123 ",
    "1111 ",
    "+(1",
    "4111 1111 1111 1111 ",
    "A1b-",
    "sk-",
    "a@b@",
    "é@é.",
  ])("is linear: %j", (piece) => {
    const text = piece.repeat(Math.ceil(65_536 / piece.length));
    expect(readsOf(text) / text.length).toBeLessThan(mostReads);
  });

  test("is linear for any pieces", () => {
    const piece = fc.constantFrom("a", "Z9", ".", "@", "1", "1234", " ", "-", "(", "+", "_", "é");
    const pieces = fc.array(piece, { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(pieces, (parts) => {
        const text = parts.join("").repeat(200);
        expect(readsOf(text) / text.length).toBeLessThan(mostReads);
      }),
    );
  });
});

const secrets = [
  "4111 1111 1111 1111",
  "378282246310005",
  "jane.doe@example.com",
  "+49 (170) 123-4567",
  "sk-proj-abcdefghijklmnopqrstuv",
  "a8F3kL9zQ2xV7bN4mC6wE1rT",
];

describe("what is at an edge", () => {
  test.each(secrets)("of a part is replaced as a whole: %s", (secret) => {
    const text = `before it, ${secret}, after it`;
    const begin = text.indexOf(secret);
    for (let cut = 1; cut < text.length; cut++) {
      const [start, end] = [
        { from: 0, to: cut },
        { from: cut, to: text.length },
      ].map((part) => redacted(text, part).text);
      // All three or more characters of it that could be seen.
      for (let at = begin; at + 3 <= begin + secret.length; at++) {
        const piece = text.slice(at, at + 3);
        expect([start, end].filter((each) => each?.includes(piece))).toEqual([]);
      }
    }
  });

  test.each(secrets)("of a text that was cut is left out: %s", (secret) => {
    const text = `before it: ${secret}`;
    for (let length = 1; length < secret.length; length++) {
      const cut = text.slice(0, text.length - length);
      const left = cut.slice(0, lastWhole(cut));
      expect("before it: ".startsWith(left.trim())).toBe(true);
    }
  });

  test("is read once from the end, however long", () => {
    expect(lastWhole("1 ".repeat(100_000))).toBe(0);
    expect(lastWhole(`word ${"x".repeat(100_000)}`)).toBe(5);
    expect(lastWhole("a whole sentence. ")).toBe("a whole sentence. ".length);
  });
});
