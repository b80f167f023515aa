import { expect, test } from "@jest/globals";
import { chat, postMany } from "./harness/client.ts";
import { startGateway } from "./harness/gateway.ts";
import { addresses, startModelServers, stopModelServers } from "./harness/model-servers.ts";
import { freePorts } from "./harness/ports.ts";
import { scenario } from "./harness/resources.ts";
import { until } from "./harness/until.ts";

test("with the picker dead, a pool with a dead and a live endpoint loses no request", async () => {
  const live = await startModelServers(1);
  const shadow = await startModelServers(1);
  const [dead] = await freePorts(1);
  const gateway = await startGateway({
    resources: scenario({
      primary: `127.0.0.1:${dead},${addresses(live)}`,
      shadow: addresses(shadow),
      models: [],
      failureMode: "FailOpen",
    }),
  });
  try {
    await gateway.sidecar().stop("SIGKILL");
    await until("Envoy knows that the picker is dead", async () => {
      const healthy = await gateway.stat(/^cluster\.umbra-picker\.membership_healthy$/);
      return healthy === 0;
    });
    const answers = await postMany(gateway.origin, 400, 8, () => chat({ maxTokens: 1 }));
    expect(answers.filter(({ status }) => status !== 200).slice(0, 3)).toEqual([]);
    expect(answers).toHaveLength(400);
    expect(await gateway.stat(/^cluster\.primary\/[^.]+\.upstream_rq_retry$/)).toBeGreaterThan(20);
  } finally {
    await gateway.stop();
    await stopModelServers([...live, ...shadow]);
  }
}, 60_000);
