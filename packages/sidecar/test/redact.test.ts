import { expect, test } from "@jest/globals";
import { redact } from "@umbra/sidecar/internal";

test.each([
  { text: "write to ann.b+x@example.co.uk now", want: "write to [e-mail] now" },
  { text: "call +49 (170) 123-4567", want: "call [phone]" },
  { text: "card 4111 1111 1111 1111 ok", want: "card [card] ok" },
  { text: "no card: 4111 1111 1111 1112", want: "no card: 4111 1111 1111 1112" },
  { text: "sk-proj-abcdefghijklmnopqrstuv", want: "[key]" },
  { text: "token a8F3kL9zQ2xV7bN4mC6wE1rT", want: "token [key]" },
  { text: "the year 2026 and 12345 apples", want: "the year 2026 and 12345 apples" },
  { text: "internationalization_of_everything", want: "internationalization_of_everything" },
])("$text", ({ text, want }) => {
  expect(redact(text)).toBe(want);
});

test("a hostile text takes linear time", () => {
  const started = performance.now();
  for (const text of ["a@".repeat(32_768), "1 ".repeat(32_768), "A".repeat(65_536)]) redact(text);
  expect(performance.now() - started).toBeLessThan(5_000);
});
