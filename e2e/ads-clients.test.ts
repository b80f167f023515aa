import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { connectMany } from "../bench/live/many-clients.ts";
import { createTestbed, type Testbed } from "../bench/live/testbed.ts";

let testbed: Testbed;

beforeAll(async () => {
  testbed = await createTestbed({ routes: 500, endpoints: 16 });
  await testbed.startSidecar();
}, 60_000);

afterAll(() => testbed.stop());

test.each(["full", "delta"] as const)(
  "28: 100 clients that connect at once share what was encoded: 2 s of CPU and 50 MB at most, %s",
  async (form) => {
    const { cpuMs, grownMb, bytes } = await connectMany(testbed, form);
    expect(bytes).toHaveLength(101);
    expect(new Set(bytes)).toEqual(new Set([bytes[0]]));
    expect(bytes[0]).toBeGreaterThan(300_000);
    expect(cpuMs).toBeLessThan(2_000);
    expect(grownMb).toBeLessThan(50);
  },
  60_000,
);
