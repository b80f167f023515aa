import { expect, test } from "@jest/globals";
import { directTopology, type Topology } from "@umbra/envoy-config";
import { startSidecar } from "@umbra/sidecar";
import pino from "pino";

test("the topology of the start is not begun again by the first configuration, which has it", async () => {
  const given = directTopology({ primary: ["127.0.0.1:9"], shadow: [], port: 80 });
  let reads = 0;
  const topology: Topology = Object.defineProperty({ ...given }, "pools", {
    get() {
      reads++;
      return given.pools;
    },
  });
  const sidecar = await startSidecar({
    ...{ topology, grpc: "127.0.0.1:0", admin: { host: "127.0.0.1", port: 0 } },
    log: pino({ level: "silent" }),
  });
  const atStart = reads;
  sidecar.serving.begin(topology);
  const again = reads;
  sidecar.serving.begin({ ...given });
  sidecar.serving.begin(topology);
  const afterAnother = reads;
  await sidecar.close(0);
  expect(atStart).toBeGreaterThan(0);
  expect(again).toBe(atStart);
  expect(afterAnother).toBeGreaterThan(again);
});
