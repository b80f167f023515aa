import { expect, test } from "@jest/globals";
import type { PoolingCall } from "../src/evaluation/worker-messages.ts";
import type { PeerLink } from "../src/peers/peer-link.ts";
import { startSamplePulling } from "../src/peers/sample-pulling.ts";
import { until } from "./until.ts";

test("a peer counts as there for 30 s after it was last seen", async () => {
  const link = (replica: string | undefined): PeerLink => ({
    ...{ address: "10.0.0.2:9004", state: replica === undefined ? "away" : "ready", replica },
    ...{ get: async () => undefined, close: () => undefined },
  });
  let [nowMs, links] = [0, [link("b")]];
  const told: (readonly string[])[] = [];
  const pulling = startSamplePulling({
    ask: async (about: PoolingCall) => {
      if (about.call === "setPeers") told.push(about.present);
      return undefined;
    },
    ...{ links: () => links, isJudge: () => true, now: () => nowMs, onPage: () => undefined },
  });
  await until(async () => told.length > 0);
  links = [link(undefined)];
  nowMs = 29_000;
  const before = told.length;
  await until(async () => told.length > before + 1);
  expect(told).toEqual(told.map(() => ["b"]));
  nowMs = 31_000;
  await until(async () => told.at(-1)?.length === 0);
  await pulling.close();
  expect(told.at(-1)).toEqual([]);
});
