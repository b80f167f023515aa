import { expect, test } from "@jest/globals";
import { Agent } from "undici";
import { chat, post } from "./harness/client.ts";
import { startGateway } from "./harness/gateway.ts";
import { scenario } from "./harness/resources.ts";
import { startSlowServer } from "./harness/slow-server.ts";

/** Longer than Envoy's own 15 s for a route and 5 minutes for an idle stream, and than `requestTimeout`. */
const silentMs = 320_000;

/** Undici's own limits for headers and body are 5 minutes too. */
const patient = new Agent({ headersTimeout: 0, bodyTimeout: 0 });

/** `npm run test:timers`: too long for every run. */
test.concurrent.each([
  { name: "whole", isStream: false },
  { name: "streamed", isStream: true },
])(
  "with default settings a $name answer may be silent for longer than Envoy's own timers",
  async ({ isStream }) => {
    const [primary, shadow] = await Promise.all([startSlowServer(), startSlowServer()]);
    const gateway = await startGateway({
      resources: scenario({ primary: primary.address, shadow: shadow.address, models: [] }),
    });
    try {
      const seen = await post(gateway.origin, chat({ isStream }), {
        headers: { "x-take-ms": String(silentMs) },
        signal: AbortSignal.timeout(2 * silentMs),
        dispatcher: patient,
      });
      expect([seen.status, seen.text]).toEqual([200, expect.any(String)]);
      expect(seen.tookMs).toBeGreaterThan(silentMs - 1_000);
      expect((await post(gateway.origin, chat())).status).toBe(200);
    } finally {
      await gateway.stop();
      await Promise.all([primary.close(), shadow.close()]);
    }
  },
  3 * silentMs,
);
