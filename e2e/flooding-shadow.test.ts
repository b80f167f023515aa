import { expect, test } from "@jest/globals";
import type { Leg, Pair } from "@umbra/shadow";
import { request } from "undici";
import { chat, postMany } from "./harness/client.ts";
import { floods, startFloodingServer } from "./harness/flooding-server.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import { addresses, startModelServers, stopModelServers } from "./harness/model-servers.ts";
import { policyScenario } from "./harness/resources.ts";
import { until } from "./harness/until.ts";

/** A counter of the sidecar's metrics page, by the label `lane`. */
async function byLane({ admin }: Gateway, name: string): Promise<Record<string, number>> {
  const page = await (await request(`http://${admin}/metrics`)).body.text();
  const lines = page.matchAll(new RegExp(`^${name}\\{lane="(\\w+)"\\} (\\d+)`, "gm"));
  return Object.fromEntries([...lines].map(([, lane = "", count]) => [lane, Number(count)]));
}

test("a shadow that floods its answers loses its own measures, and the primary's are whole", async () => {
  const primary = await startModelServers(1);
  const shadow = await startFloodingServer({ ...floods.deltas(), mostMs: 1_500 });
  const gateway = await startGateway({
    resources: policyScenario({
      backends: { primary: 1 },
      mirrors: ["shadow"],
      pools: { primary: addresses(primary), shadow: shadow.address },
      policy: "  sampling: {percent: 100}",
    }),
  });
  try {
    const seen = await postMany(gateway.origin, 24, 4, () =>
      chat({ isStream: true, maxTokens: 16 }),
    );
    expect(seen.map(({ status }) => status)).toEqual(Array(24).fill(200));
    expect(shadow.floods()).toBeGreaterThan(0);
    let pairs: readonly Pair[] = [];
    // What has come of a shadow is read by a share of a core: a leg waits up to 10 s for it.
    await until(
      "the floods are paired",
      async () => {
        ({ pairs } = await gateway.json<{ pairs: readonly Pair[] }>("/v1/pairs"));
        return pairs.length >= shadow.floods();
      },
      45_000,
    );
    expect(pairs.map((pair) => [pair.primary.class, pair.primary.outTokens])).toEqual(
      pairs.map(() => ["ok", 16]),
    );
    // Where Envoy gives up a flood before we do, it breaks off.
    const isKnown = (leg: Leg) => leg.class === "cap_cancelled" || leg.class === "truncated";
    expect(pairs.map((pair) => pair.shadow).filter((leg) => !isKnown(leg))).toEqual([]);
    const cut = pairs.filter((pair) => pair.shadow.class === "cap_cancelled").length;
    const overloaded = await byLane(gateway, "umbra_observe_overloaded_total");
    expect([cut > 0, overloaded]).toEqual([true, { primary: 0, shadow: cut }]);
  } finally {
    await gateway.stop();
    await shadow.close();
    await stopModelServers(primary);
  }
}, 100_000);
