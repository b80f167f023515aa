import { describe, expect, test } from "@jest/globals";
import { createPool, maxPeers, type PeerReport, type PoolState } from "@umbra/scheduler";
import fc from "fast-check";
import { metrics } from "./fixtures.ts";

const [a, b, c] = ["10.0.0.1:8000", "10.0.0.2:8000", "10.0.0.3:8000"];
const noPrompts: PeerReport["prompts"] = [];

function pool(nowMs = () => 0, promptSeed = 7): PoolState {
  const made = createPool({ name: "llama", now: nowMs, random: () => 0, promptSeed });
  made.setEndpoints([a, b, c]);
  for (const address of [a, b, c]) made.recordScrape(address, metrics(), 0);
  return made;
}

function load(address: string, inFlight: number, pendingPromptTokens = 0, pendingOutputTokens = 0) {
  return { address, inFlight, pendingPromptTokens, pendingOutputTokens };
}

const report = (...loads: PeerReport["loads"]): PeerReport => ({ loads, prompts: noPrompts });
const prompt = (seed: number, blocks = 8) =>
  Uint8Array.from({ length: blocks * 256 }, (_, i) => (i * seed) % 251);
const at = (of: PoolState, address: string) =>
  of.snapshot().endpoints.find((each) => each.address === address);

describe("a pool with peers", () => {
  test("sends its requests where peers have sent none", () => {
    const own = pool();
    own.recordReport("other", report(load(a, 5, 4_000), load(b, 5, 4_000)));
    expect(own.pick({ model: "m" })).toMatchObject({ endpoint: c });
  });

  test("counts a peer's load until the next report", () => {
    const own = pool();
    own.recordReport("other", report(load(a, 5, 4_000, 100)));
    own.recordReport("other", report(load(a, 2, 1_000, 40), load(b, 1)));
    expect(at(own, a)).toMatchObject({
      ...{ inFlight: 2, peersInFlight: 2, pendingPromptTokens: 1_000, pendingOutputTokens: 40 },
    });
    expect(at(own, b)).toMatchObject({ inFlight: 1, peersInFlight: 1 });
  });

  test("drops the load of a peer that has ended", () => {
    const own = pool();
    own.recordReport("other", report(load(a, 5, 4_000, 100)));
    own.recordReport("third", report(load(a, 1)));
    own.forgetPeer("other");
    expect(at(own, a)).toMatchObject({ inFlight: 1, pendingPromptTokens: 0, sentSinceScrape: 1 });
  });

  test("does not count at a scrape what the server's own counts include", () => {
    const own = pool();
    own.recordReport("other", report(load(a, 3)));
    expect(at(own, a)).toMatchObject({ sentSinceScrape: 3 });
    own.recordScrape(a, metrics({ runningRequests: 3 }), 0);
    expect(at(own, a)).toMatchObject({ sentSinceScrape: 0, inFlight: 3 });
    own.recordReport("other", report(load(a, 5)));
    expect(at(own, a)).toMatchObject({ sentSinceScrape: 2, inFlight: 5 });
  });

  test("reports only its own requests", () => {
    const own = pool();
    own.recordReport("other", report(load(a, 5), load(b, 5)));
    const picked = own.pick({ model: "m", promptTokens: 100, expectedOutputTokens: 9 });
    expect(picked).toMatchObject({ endpoint: c });
    expect(own.takeReport().loads).toEqual([load(c, 1, 100, 9)]);
  });

  test("keeps a peer's load for endpoints that come later, or come back", () => {
    const own = pool();
    own.setEndpoints([a]);
    own.recordReport("other", report(load(b, 4)));
    own.setEndpoints([a, b]);
    expect(at(own, b)).toMatchObject({ inFlight: 4 });
    own.setEndpoints([a]);
    own.recordReport("other", report(load(b, 1)));
    own.setEndpoints([a, b]);
    expect(at(own, b)).toMatchObject({ inFlight: 1, peersInFlight: 1 });
  });

  test("ignores one peer too many", () => {
    const own = pool();
    const known = Array.from({ length: maxPeers }, (_, i) => own.recordReport(`p${i}`, report()));
    expect(known.every(Boolean)).toBe(true);
    expect(own.recordReport("one more", report(load(a, 9)))).toBe(false);
    expect(at(own, a)).toMatchObject({ inFlight: 0 });
  });

  test("never counts its own requests wrongly, whatever peers report and when they go", () => {
    const loads = fc.uniqueArray(
      fc.record({
        address: fc.constantFrom(a, b, c, "10.0.0.9:1"),
        inFlight: fc.nat(50),
        pendingPromptTokens: fc.nat(9_000),
        pendingOutputTokens: fc.nat(900),
      }),
      { selector: ({ address }) => address },
    );
    const peer = fc.constantFrom("p", "q");
    const step = fc.oneof(
      fc.record({ kind: fc.constant("report" as const), peer, loads }),
      fc.record({ kind: fc.constant("forget" as const), peer }),
      fc.record({ kind: fc.constant("scrape" as const), address: fc.constantFrom(a, b, c) }),
      fc.record({ kind: fc.constant("pick" as const) }),
      fc.record({ kind: fc.constant("end" as const) }),
      fc.record({ kind: fc.constant("endpoints" as const), set: fc.subarray([a, b, c]) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const own = pool();
        const leases: { release(): void }[] = [];
        for (const each of steps) {
          if (each.kind === "report") own.recordReport(each.peer, { ...each, prompts: noPrompts });
          if (each.kind === "forget") own.forgetPeer(each.peer);
          if (each.kind === "scrape") own.recordScrape(each.address, metrics(), 0);
          if (each.kind === "endpoints") own.setEndpoints(each.set);
          if (each.kind === "pick") {
            const picked = own.pick({ model: "m", promptTokens: 10 });
            if (picked.ok) leases.push(picked.lease);
          }
          if (each.kind === "end") leases.pop()?.release();
        }
        own.setEndpoints([a, b, c]);
        const reported = own.takeReport().loads.reduce((sum, { inFlight }) => sum + inFlight, 0);
        expect(reported).toBeLessThanOrEqual(leases.length);
        for (const lease of leases) lease.release();
        expect(own.takeReport().loads).toEqual([]);
        for (const name of ["p", "q"]) own.forgetPeer(name);
        for (const each of own.snapshot().endpoints) {
          expect(each).toMatchObject({
            inFlight: 0,
            pendingPromptTokens: 0,
            pendingOutputTokens: 0,
          });
        }
      }),
    );
  });
});

describe("prompts of peers", () => {
  test("an endpoint that got a prompt from a peer is known to hold it", () => {
    const [own, other] = [pool(), pool()];
    other.takeReport();
    const sent = other.pick({ model: "m", prompt: prompt(3) });
    expect(sent.ok).toBe(true);
    const told = other.takeReport();
    own.recordReport("other", { loads: [], prompts: told.prompts });
    const { picked } = own.explain({ model: "m", prompt: prompt(3) });
    expect(told.prompts).toHaveLength(1);
    expect(picked).toBe(told.prompts[0]?.address);
    expect(at(own, picked ?? "")?.prefixBlocks).toBe(8);
  });

  test("pools with different seeds do not know each other's prompts", () => {
    const [own, other] = [pool(() => 0, 1), pool(() => 0, 2)];
    other.takeReport();
    other.pick({ model: "m", prompt: prompt(3) });
    own.recordReport("other", other.takeReport());
    own.pick({ model: "m", prompt: prompt(3) });
    const blocks = own.snapshot().endpoints.map(({ prefixBlocks }) => prefixBlocks);
    expect(blocks.reduce((sum, each) => sum + each, 0)).toBe(16);
  });

  test("reports each prompt once, and none from before the first report", () => {
    const own = pool();
    own.pick({ model: "m", prompt: prompt(3) });
    expect(own.takeReport().prompts).toEqual([]);
    own.pick({ model: "m", prompt: prompt(5) });
    expect(own.takeReport().prompts).toHaveLength(1);
    expect(own.takeReport().prompts).toEqual([]);
  });

  test("reports the newest of many prompts, at most 64 KiB of hashes", () => {
    const own = pool();
    own.takeReport();
    for (let i = 0; i < 2_000; i++) own.pick({ model: "m", prompt: prompt(i + 1, 20) });
    const { prompts } = own.takeReport();
    const hashes = prompts.reduce((sum, each) => sum + each.hashes.length, 0);
    expect(hashes).toBeLessThanOrEqual(16_384);
    expect(hashes).toBeGreaterThan(16_000);
    const last = pool();
    last.takeReport();
    last.pick({ model: "m", prompt: prompt(2_000, 20) });
    expect(prompts.at(-1)?.hashes).toEqual(last.takeReport().prompts[0]?.hashes);
  });

  test("leaves out a prompt whose first blocks are no longer known", () => {
    const own = createPool({
      name: "llama",
      random: () => 0,
      prefix: { blockTokens: 1, maxPromptTokens: 70_000 },
    });
    own.setEndpoints([a, b]);
    for (const address of [a, b]) own.recordScrape(address, metrics(), 0);
    own.takeReport();
    own.pick({ model: "m", prompt: prompt(3, 1_200) });
    expect(own.takeReport().prompts).toEqual([]);
    own.pick({ model: "m", prompt: prompt(3, 1) });
    expect(own.takeReport().prompts).toHaveLength(1);
  });
});
