import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  createRingMemory,
  maxRecordBytes,
  RingReader,
  RingWriter,
  recordKind,
} from "../src/answers/byte-ring.ts";

const capacityBytes = 1_024;
const reservedRecords = 8;
const frontBytes = 128;

interface Written {
  readonly leg: number;
  readonly atMs: number;
  readonly text: string;
}

type Step =
  | { readonly kind: "write"; readonly record: Written; readonly phase: number }
  | { readonly kind: "read"; readonly count: number };

const record = fc.record({
  leg: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  atMs: fc.double({ noNaN: true }),
  text: fc.string({ maxLength: 200 }),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("write" as const), record, phase: fc.nat(15) }),
  fc.record({ kind: fc.constant("read" as const), count: fc.nat(6) }),
);

/** Returns the text's bytes at an address that ends in `phase`. */
function bytesOf(text: string, phase: number): Uint8Array {
  const bytes = new Uint8Array(phase + Buffer.byteLength(text));
  bytes.set(Buffer.from(text), phase);
  return bytes.subarray(phase);
}

function setup() {
  const memory = createRingMemory(capacityBytes);
  const reader = new RingReader(memory);
  const read = (): Written | undefined => {
    const next = reader.read();
    if (next === undefined) return undefined;
    const { leg, atMs, bytes } = next;
    return { leg, atMs, text: Buffer.from(bytes).toString("utf8") };
  };
  return { memory, reader, read, writer: new RingWriter(memory, reservedRecords) };
}

describe("a ring of records", () => {
  test("returns complete records in order, wherever it wraps", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const { writer, read } = setup();
        const unread: Written[] = [];
        const pairs: (readonly [Written | undefined, Written | undefined])[] = [];
        for (const each of steps) {
          if (each.kind === "read") {
            for (let i = 0; i < each.count; i++) pairs.push([read(), unread.shift()]);
            continue;
          }
          const { leg, atMs, text } = each.record;
          const isWritten = writer.write(leg, recordKind.data, atMs, bytesOf(text, each.phase));
          if (isWritten) unread.push(each.record);
        }
        for (const each of unread) pairs.push([read(), each]);
        expect(pairs.map(([seen]) => seen)).toEqual(pairs.map(([, written]) => written));
        expect(read()).toBeUndefined();
      }),
      { numRuns: 200 },
    );
  });

  test("rejects a record that does not fit, and accepts it when there is room", () => {
    const { writer, read } = setup();
    const chunk = bytesOf("x".repeat(112), 0);
    const taken = Array.from({ length: 9 }, (_, i) => writer.write(i, recordKind.data, 0, chunk));
    expect(taken).toEqual([true, true, true, true, true, true, true, false, false]);
    expect(read()?.leg).toBe(0);
    expect(writer.write(9, recordKind.data, 0, chunk)).toBe(true);
    const rest = Array.from({ length: 8 }, () => read()?.leg);
    expect(rest).toEqual([1, 2, 3, 4, 5, 6, 9, undefined]);
  });

  test("has room for reserved end records when it is full, wherever it wraps", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(200), { maxLength: 100 }), (sizes) => {
        const { writer, reader, read } = setup();
        for (const size of sizes) {
          if (!writer.write(1, recordKind.data, 0, new Uint8Array(size))) reader.read();
        }
        while (writer.write(1, recordKind.data, 0, new Uint8Array(1)));
        for (let i = 0; i < reservedRecords; i++) {
          expect(writer.write(i, recordKind.end, 0)).toBe(true);
        }
        const legs: (number | undefined)[] = [];
        for (let each = read(); each !== undefined; each = read()) legs.push(each.leg);
        expect(legs.slice(-reservedRecords)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
      }),
    );
  });

  test("works when its positions exceed 2^31", () => {
    const memory = createRingMemory(capacityBytes);
    const positions = new Int32Array(memory, 0, frontBytes / 4);
    // Both sides continue at the stored positions.
    positions.fill(2 ** 31 - 100);
    const writer = new RingWriter(memory, 0);
    const reader = new RingReader(memory);
    for (let i = 0; i < 1_000; i++) {
      expect(writer.write(i, recordKind.data, i, bytesOf("text", i % 8))).toBe(true);
      expect(reader.read()).toMatchObject({ leg: i, atMs: i });
    }
    expect(positions[0]).toBeLessThan(0);
  });

  test("keeps no bytes of records that were read", () => {
    const { memory, writer, read } = setup();
    for (let i = 0; i < 50; i++) {
      writer.write(i, recordKind.data, 0, bytesOf("secret-secret-secret", i % 8));
      expect(read()?.text).toBe("secret-secret-secret");
    }
    expect(Buffer.from(memory, frontBytes).includes("secret")).toBe(false);
    expect(Buffer.from(memory, frontBytes).includes("cret")).toBe(false);
  });

  test("holds a record of maximum length", () => {
    const memory = createRingMemory(4 * maxRecordBytes);
    const writer = new RingWriter(memory, 0);
    const reader = new RingReader(memory);
    const longest = new Uint8Array(maxRecordBytes).fill(7);
    for (let i = 0; i < 20; i++) {
      expect(writer.write(i, recordKind.data, 0, longest)).toBe(true);
      expect(Buffer.from(reader.read()?.bytes ?? []).equals(longest)).toBe(true);
    }
  });
});
