import { expect, test } from "@jest/globals";
import { directTopology, heldRequestBytes, type Topology } from "@umbra/envoy-config";
import { startSidecar } from "@umbra/sidecar";
import pino from "pino";
import { createEnvoyClient, type HeldPick, type StreamOf } from "./envoy-client.ts";
import { until } from "./until.ts";

const MiB = 1024 ** 2;

/** A topology with as much memory as leaves this much for requests that wait. */
function withRoomFor(heldBytes: number): Topology {
  const direct = directTopology({ primary: ["127.0.0.1:9"], shadow: [], port: 8080 });
  const withSettings = (change: object): Topology => ({
    ...direct,
    envoy: { ...direct.envoy, settings: { ...direct.envoy.settings, ...change } },
  });
  // The room is at least two bodies of the largest size.
  const small = { maxBodyBytes: MiB };
  const { sidecarMemoryBytes } = direct.envoy.settings;
  const tooMuch = heldRequestBytes(withSettings(small)) - heldBytes;
  return withSettings({ ...small, sidecarMemoryBytes: sidecarMemoryBytes - 2 * tooMuch });
}

test("1,000 held requests with wide headers take no more memory than there is, and the refused ones are counted", async () => {
  const topology = withRoomFor(16 * MiB);
  const room = heldRequestBytes(topology);
  const sidecar = await startSidecar({
    topology,
    grpc: "127.0.0.1:0",
    admin: { host: "127.0.0.1", port: 0 },
    log: pino({ level: "silent" }),
  });
  const envoy = createEnvoyClient(sidecar.grpcAddress);
  const of: StreamOf = { lane: "primary", pool: topology.pools[0]?.name ?? "" };
  const wide = Array.from({ length: 45 }, (_, i) => [`x-llm-d-h${i}`, "v".repeat(1_000)]);
  const headers = {
    ":method": "POST",
    ":path": "/v1/chat/completions",
    "content-type": "application/json",
    ...Object.fromEntries(wide),
  };
  try {
    const sent = await Promise.all(Array.from({ length: 1_000 }, () => envoy.hold(of, headers)));
    const count = (state: HeldPick["state"]) => sent.filter((each) => each.state === state).length;
    expect(count("held") * 45_000).toBeLessThanOrEqual(room);
    // Most of the room is used: what is counted is little more than the headers.
    expect(count("held") * 45_000).toBeGreaterThan(0.8 * room);
    const page = await (await fetch(`http://${sidecar.adminAddress}/metrics`)).text();
    const counted = (line: RegExp) => Number(line.exec(page)?.[1] ?? 0);
    expect([
      counted(/^umbra_picks_total\{[^}]*outcome="overloaded"\} (\d+)$/m),
      counted(/^umbra_streams_without_room_total (\d+)$/m),
    ]).toEqual([count("refused"), count("failed")]);

    await Promise.all(sent.map((each) => each.leave()));
    // There is room again.
    await until(async () => {
      const next = await envoy.hold(of, headers);
      await next.leave();
      return next.state === "held";
    });
  } finally {
    envoy.close();
    await sidecar.close(0);
  }
}, 60_000);
