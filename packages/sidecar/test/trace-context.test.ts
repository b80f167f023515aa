import { expect, test } from "@jest/globals";
import { readTraceContext, traceparentOf } from "@umbra/sidecar";
import fc from "fast-check";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";
const sound = `00-${traceId}-${spanId}-01`;

test.each([
  { name: "version 0", text: sound, want: { traceId, spanId, flags: 1, state: undefined } },
  {
    name: "a later version with more behind it",
    text: `cc-${traceId}-${spanId}-03-more`,
    want: { traceId, spanId, flags: 3, state: undefined },
  },
  { name: "version 0 with more behind it", text: `${sound}-more`, want: undefined },
  {
    name: "a later version with more glued to it",
    text: `cc${sound.slice(2)}more`,
    want: undefined,
  },
  { name: "version ff", text: `ff${sound.slice(2)}`, want: undefined },
  { name: "a trace id of zeros", text: `00-${"0".repeat(32)}-${spanId}-01`, want: undefined },
  { name: "a span id of zeros", text: `00-${traceId}-${"0".repeat(16)}-01`, want: undefined },
  { name: "upper case", text: sound.toUpperCase(), want: undefined },
  { name: "a short id", text: `00-${traceId.slice(1)}-${spanId}-01`, want: undefined },
  { name: "two of them", text: `${sound},${sound}`, want: undefined },
  { name: "none", text: undefined, want: undefined },
])("reads $name", ({ text, want }) => {
  expect(readTraceContext(text, undefined)).toEqual(want);
});

test.each([
  { name: "one member", text: "a=1", want: "a=1" },
  { name: "empty members and spaces", text: "a=1, , b@c=2", want: "a=1, , b@c=2" },
  { name: "an upper-case key", text: "A=1", want: undefined },
  { name: "no value", text: "a=", want: undefined },
  { name: "a control character", text: "a=1\u0007", want: undefined },
  { name: "too many members", text: "a=1,".repeat(33), want: undefined },
  { name: "too long a text", text: `a=${"1".repeat(600)}`, want: undefined },
])("a state with $name", ({ text, want }) => {
  expect(readTraceContext(sound, text)?.state).toBe(want);
});

test("any text is read or left out, and what is read can be written again", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (traceparent, tracestate) => {
      const read = readTraceContext(traceparent, tracestate);
      expect(read === undefined || readTraceContext(traceparentOf(read), undefined)).toBeTruthy();
    }),
  );
  const read = readTraceContext(sound, undefined);
  expect(read === undefined ? undefined : traceparentOf(read)).toBe(sound);
});
