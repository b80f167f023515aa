import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { maxReportBytes, parseReport, reportLine } from "../src/peers/report-line.ts";

const load = fc.record({
  address: fc.string({ minLength: 1, maxLength: 64 }),
  inFlight: fc.nat(100_000),
  pendingPromptTokens: fc.nat(1_000_000),
  pendingOutputTokens: fc.nat(1_000_000),
});
const prompt = fc.record({
  address: fc.string({ minLength: 1, maxLength: 64 }),
  hashes: fc.int32Array({ minLength: 1, maxLength: 40 }),
});
const report = fc
  .array(
    fc.tuple(
      fc.string(),
      fc.record({ loads: fc.array(load), prompts: fc.array(prompt, { maxLength: 20 }) }),
    ),
  )
  .map((entries) => new Map(entries));

describe("a report of a peer", () => {
  test("says the same when it is read", () => {
    fc.assert(
      fc.property(report, (given) => {
        const read = parseReport(reportLine(given));
        expect(JSON.stringify([...(read ?? [])])).toBe(JSON.stringify([...given]));
      }),
    );
  });

  test("of any content is read without a throw, and stays within its bounds", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), hostile()), (line) => {
        const read = parseReport(line) ?? new Map();
        const loads = [...read.values()].flatMap((each) => each.loads);
        const prompts = [...read.values()].flatMap((each) => each.prompts);
        const hashes = prompts.reduce((sum, each) => sum + each.hashes.length, 0);
        expect(loads.length).toBeLessThanOrEqual(10_000);
        expect(prompts.length).toBeLessThanOrEqual(1_024);
        expect(hashes).toBeLessThanOrEqual(16_384);
        for (const { address, ...counts } of loads) {
          expect(address.length).toBeLessThanOrEqual(64);
          for (const count of Object.values(counts)) expect(Number.isSafeInteger(count)).toBe(true);
        }
      }),
    );
  });

  test.each([
    { name: "negative counts", loads: [["10.0.0.1:1", -1, 0, 0]] },
    { name: "counts that are not real", loads: [["10.0.0.1:1", 1e9, 0, 0]] },
    { name: "fractions", loads: [["10.0.0.1:1", 0.5, 0, 0]] },
    { name: "long addresses", loads: [["x".repeat(65), 1, 0, 0]] },
    { name: "other shapes", loads: [null, 3, {}, []] },
  ])("leaves out $name", ({ loads }) => {
    const line = JSON.stringify({ v: 1, pools: [{ name: "p", loads }] });
    expect(parseReport(line)).toEqual(new Map([["p", { loads: [], prompts: [] }]]));
  });

  test("of many pools that have all sent much is read, with the newest prompts of each", () => {
    const prompt = (hash: number) => ({ address: "a:1", hashes: new Int32Array(4_096).fill(hash) });
    const names = Array.from({ length: 40 }, (_, i) => `pool-${i}`);
    const prompts = [prompt(1), prompt(2), prompt(3), prompt(4)];
    const line = reportLine(new Map(names.map((name) => [name, { loads: [], prompts }])));
    expect(line.length).toBeLessThanOrEqual(maxReportBytes);
    const read = parseReport(line);
    const newest = { address: "a:1", hashes: new Int32Array(409).fill(4) };
    expect(read).toEqual(new Map(names.map((name) => [name, { loads: [], prompts: [newest] }])));
  });

  test("keeps to its bounds over all pools together", () => {
    const prompts = Array.from({ length: 1_000 }, () => ["a:1", "AAAAAAAAAAAAAAAA".repeat(20)]);
    const loads = Array.from({ length: 9_000 }, (_, i) => [`10.0.0.1:${i}`, 1, 0, 0]);
    const pools = ["a", "b", "c"].map((name) => ({ name, loads, prompts }));
    const read = [...(parseReport(JSON.stringify({ v: 1, pools }))?.values() ?? [])];
    expect(read.flatMap((each) => each.loads)).toHaveLength(10_000);
    const hashes = read.flatMap((each) => each.prompts.map(({ hashes: of }) => of.length));
    expect(hashes.reduce((sum, each) => sum + each, 0)).toBe(16_384);
  });
});

function hostile() {
  const any = fc.anything({ maxDepth: 2 });
  return fc
    .record({
      v: fc.constant(1),
      pools: fc.array(
        fc.record({
          name: fc.oneof(fc.string(), any),
          loads: fc.oneof(any, fc.array(fc.array(any))),
          prompts: fc.oneof(any, fc.array(fc.tuple(fc.string(), fc.base64String()))),
        }),
      ),
    })
    .map((value) =>
      JSON.stringify(value, (_key, each: unknown) => (typeof each === "bigint" ? 1 : each)),
    );
}
