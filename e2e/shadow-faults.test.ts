import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { chat, post, postMany } from "./harness/client.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import {
  addresses,
  type ModelServer,
  startModelServers,
  stopModelServers,
} from "./harness/model-servers.ts";
import { scenario } from "./harness/resources.ts";

/** Without it bodies of 9 MB are not mirrored. */
const largeCopies = ["--set", "maxShadowBody=16Mi"];

describe("a shadow that misbehaves costs the client nothing", () => {
  let primary: ModelServer[] = [];
  let shadow: ModelServer[] = [];
  let gateway: Gateway;

  beforeAll(async () => {
    primary = await startModelServers(2);
    shadow = await startModelServers(2);
    gateway = await startGateway({
      resources: scenario({ primary: addresses(primary), shadow: addresses(shadow) }),
      renderFlags: largeCopies,
      serveFlags: largeCopies,
    });
  }, 60_000);

  afterAll(async () => {
    await gateway?.stop();
    await stopModelServers([...primary, ...shadow]);
  });

  test.each([
    { name: "answers 500", faults: { statusForRequests: 500 } },
    { name: "never answers", faults: { hang: true } },
    { name: "accepts and never reads", faults: { stallReads: true } },
    { name: "answers after 20 s", faults: { delayMs: 20_000 } },
  ])(
    "it $name, with bodies of 9 MB",
    async ({ faults }) => {
      const body = chat({ promptBytes: 9_000_000 });
      for (const { server } of shadow) server.setFaults({});
      const well = await post(gateway.origin, body);
      expect(well.status).toBe(200);
      for (const { server } of shadow) server.setFaults(faults);
      for (let i = 0; i < 4; i++) {
        const seen = await post(gateway.origin, body);
        expect(seen.status).toBe(200);
        // A client that waited for the shadow would wait for 20 s or more; this machine's noise is far below.
        expect(seen.tookMs).toBeLessThan(10_000);
      }
      const streamed = await postMany(gateway.origin, 20, 4, () => chat({ isStream: true }));
      expect(streamed.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
      for (const { server } of shadow) server.setFaults({});
    },
    60_000,
  );

  test("it is gone", async () => {
    await stopModelServers(shadow);
    const answers = await postMany(gateway.origin, 20, 4, () => chat({ promptBytes: 100_000 }));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
    shadow = [];
  });
});

describe("a shadow whose metrics hang", () => {
  test("does not hold readiness back", async () => {
    const primary = await startModelServers(1);
    const shadow = await startModelServers(1);
    shadow[0]?.server.setFaults({ metrics: "hang" });
    const gateway = await startGateway({
      resources: scenario({ primary: addresses(primary), shadow: addresses(shadow) }),
    });
    expect((await post(gateway.origin, chat())).status).toBe(200);
    await gateway.stop();
    await stopModelServers([...primary, ...shadow]);
  }, 60_000);
});
