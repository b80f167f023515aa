import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { createBlockLru } from "../src/prefix/block-lru.ts";
import { hashPrompt, hashText } from "../src/prefix/prompt-hash.ts";

describe("the LRU of block hashes", () => {
  const step = fc.oneof(
    { weight: 20, arbitrary: fc.record({ touch: fc.integer({ min: -20, max: 20 }) }) },
    { weight: 4, arbitrary: fc.record({ forget: fc.integer({ min: -20, max: 20 }) }) },
    { weight: 2, arbitrary: fc.record({ shrinkTo: fc.integer({ min: -1, max: 12 }) }) },
    { weight: 1, arbitrary: fc.record({ resize: fc.integer({ min: 0, max: 300 }) }) },
  );

  test("behaves like a Map in order of use", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.array(step, { maxLength: 300 }),
        // Hashes that collide in the table's low bits.
        fc.constantFrom(1, 16, 256),
        (capacity, steps, spread) => {
          const lru = createBlockLru(capacity);
          let limit = capacity;
          const model = new Set<number>();
          const shrink = (count: number) => {
            for (const oldest of model) {
              if (model.size <= Math.max(0, count)) break;
              model.delete(oldest);
            }
          };
          for (const each of steps) {
            if ("touch" in each) {
              const hash = each.touch * spread;
              lru.touch(hash);
              model.delete(hash);
              model.add(hash);
              shrink(limit);
            } else if ("forget" in each) {
              lru.delete(each.forget * spread);
              model.delete(each.forget * spread);
            } else if ("shrinkTo" in each) {
              lru.shrinkTo(each.shrinkTo);
              shrink(each.shrinkTo);
            } else {
              lru.resize(each.resize);
              limit = Math.max(1, each.resize);
              shrink(limit);
            }
            expect(lru.size).toBe(model.size);
            expect(lru.capacity).toBe(limit);
            for (let i = -20; i <= 20; i++) expect(lru.has(i * spread)).toBe(model.has(i * spread));
          }
        },
      ),
    );
  });

  test("grows to its capacity and no further", () => {
    const lru = createBlockLru(1_000);
    for (let i = 0; i < 5_000; i++) lru.touch(Math.imul(i, 0x9e3779b1));
    expect(lru.size).toBe(1_000);
    for (let i = 0; i < 5_000; i++) {
      expect(lru.has(Math.imul(i, 0x9e3779b1))).toBe(i >= 4_000);
    }
  });
});

test("an LRU removes single hashes and keeps the order of the others", () => {
  for (const [forgotten, oldest] of [
    [1, 2],
    [2, 3],
    [3, 2],
    [4, 2],
    [9, 2],
  ] as const) {
    const lru = createBlockLru(8);
    for (const hash of [1, 2, 3, 4, 1]) lru.touch(hash);
    lru.delete(forgotten);
    expect(lru.has(forgotten)).toBe(false);
    lru.shrinkTo(lru.size - 1);
    expect([1, 2, 3, 4].filter((hash) => !lru.has(hash))).toEqual(
      [oldest, ...(forgotten < 9 ? [forgotten] : [])].toSorted(),
    );
    lru.touch(7);
    expect(lru.has(7)).toBe(true);
  }
});

test("an LRU removes a hash while the newest entry is the oldest in use", () => {
  const lru = createBlockLru(8);
  for (const hash of [1, 2, 3, 1, 2]) lru.touch(hash);
  lru.delete(1);
  lru.shrinkTo(1);
  expect([1, 2, 3].map((hash) => lru.has(hash))).toEqual([false, true, false]);
});

test("an LRU that is made smaller frees memory and still works", () => {
  const lru = createBlockLru(1_000);
  for (let i = 0; i < 500; i++) lru.touch(i);
  lru.resize(100);
  expect([lru.size, lru.capacity, lru.has(399), lru.has(400)]).toEqual([100, 100, false, true]);
  lru.resize(100);
  lru.resize(0);
  expect([lru.size, lru.capacity, lru.has(499)]).toEqual([1, 1, true]);
  lru.touch(7);
  lru.resize(3);
  for (const hash of [8, 9]) lru.touch(hash);
  expect([7, 8, 9].every((hash) => lru.has(hash))).toBe(true);
  lru.shrinkTo(5);
  lru.shrinkTo(-1);
  expect(lru.size).toBe(0);
});

describe("the prompt's hash", () => {
  const hashes = (prompt: Uint8Array, seed = 0, most = 100) => {
    const out = new Int32Array(most);
    return [...out.subarray(0, hashPrompt(prompt, seed, 16, out))];
  };
  const bytes = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 37) % 256);

  test("names whole blocks only, and no more than there is room for", () => {
    expect(hashes(bytes(15))).toHaveLength(0);
    expect(hashes(bytes(47))).toHaveLength(2);
    expect(hashes(bytes(160), 0, 3)).toHaveLength(3);
  });

  test("equal beginnings have equal hashes, and a changed byte changes its block's and all after", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 64, maxLength: 64 }),
        fc.nat({ max: 63 }),
        fc.integer({ min: 1, max: 255 }),
        (prompt, at, change) => {
          const other = Uint8Array.from(prompt);
          other[at] = ((prompt[at] ?? 0) + change) % 256;
          const [a, b] = [hashes(prompt), hashes(other)];
          const block = Math.floor(at / 16);
          const blocks = [0, 1, 2, 3];
          expect(blocks.map((i) => b[i] === a[i])).toEqual(blocks.map((i) => i < block));
        },
      ),
    );
  });

  test.each([4, 12, 20, 256])("sees every byte of blocks of %i bytes", (blockBytes) => {
    const last = (prompt: Uint8Array) => {
      const out = new Int32Array(2);
      expect(hashPrompt(prompt, 1, blockBytes, out)).toBe(2);
      return out[1];
    };
    const prompt = bytes(2 * blockBytes);
    const seen = new Set([last(prompt)]);
    for (let at = 0; at < prompt.length; at++) {
      const other = Uint8Array.from(prompt);
      other[at] = 255 - (prompt[at] ?? 0);
      seen.add(last(other));
    }
    expect(seen.size).toBe(prompt.length + 1);
  });

  test("is spread over all 32 bits", () => {
    const seen = new Set<number>();
    const out = new Int32Array(1);
    for (let i = 0; i < 50_000; i++) {
      hashPrompt(new Uint8Array(Int32Array.of(i, 0, 0, 0).buffer), 0, 16, out);
      seen.add(out[0] ?? 0);
    }
    // 50,000 values of 2^32 collide 0.3 times.
    expect(seen.size).toBeGreaterThan(49_990);
  });

  test("does not depend on the offset of the bytes", () => {
    const shifted = new Uint8Array(65).subarray(1);
    shifted.set(bytes(64));
    expect(hashes(shifted)).toEqual(hashes(bytes(64)));
  });

  test("other seeds give other hashes", () => {
    expect(hashes(bytes(32), 1)).not.toEqual(hashes(bytes(32), 2));
    expect(hashText("base", 0)).not.toBe(hashText("bare", 0));
    expect(hashText("base", 0)).not.toBe(hashText("base", 1));
  });
});
