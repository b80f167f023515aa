import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "@jest/globals";
import { directTopology } from "@umbra/envoy-config";
import { startSidecar } from "@umbra/sidecar";
import pino from "pino";
import { testSize } from "../../../testing/test-size.ts";
import { createEnvoyClient } from "./envoy-client.ts";

const mebibyte = 1024 * 1024;
/** Each is read three times by this process: by its client, its server and its sidecar. */
const requests = testSize(4, 12);

test.each(["primary", "shadow"] as const)(
  "a %s request that waits for its answer does not keep its body",
  async (lane) => {
    const sidecar = await startSidecar({
      topology: directTopology({ primary: ["127.0.0.1:9"], shadow: ["127.0.0.1:10"], port: 80 }),
      grpc: "127.0.0.1:0",
      admin: { host: "127.0.0.1", port: 0 },
      log: pino({ level: "silent" }),
    });
    const envoy = createEnvoyClient(sidecar.grpcAddress);
    try {
      const before = await bodiesKept();
      const content = "x".repeat(mebibyte);
      const body = JSON.stringify({ model: "m", messages: [{ role: "user", content }] });
      const streams = [];
      for (let i = 0; i < requests; i++) {
        const headers = {
          ":method": "POST",
          ":path": "/v1/chat/completions",
          "content-type": "application/json",
          "x-request-id": `r${i}`,
        };
        const mirrors = lane === "shadow" ? "default/primary/0/mirror/0" : "";
        const of = { lane, pool: `default/${lane}`, mirrors };
        streams.push(await envoy.pick(of, { headers, body }));
      }
      // This test's client, in the same process, keeps each body once.
      expect((await bodiesKept()) - before).toBeLessThan(1.5 * streams.length * mebibyte);
      for (const stream of streams) await stream.end();
    } finally {
      envoy.close();
      await sidecar.close(0);
    }
  },
  60_000,
);

/** Bytes of buffers that survive garbage collection. */
async function bodiesKept(): Promise<number> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    least = Math.min(least, process.memoryUsage().arrayBuffers);
  }
  return least;
}
