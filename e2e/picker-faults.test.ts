import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { chat, post, postMany, type Seen } from "./harness/client.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import {
  addresses,
  type ModelServer,
  startModelServers,
  stopModelServers,
} from "./harness/model-servers.ts";
import { scenario } from "./harness/resources.ts";
import { until } from "./harness/until.ts";

/** Each test leaves a sidecar that picks. */
describe.each(["FailOpen", "FailClose"] as const)("the picker fails, pool %s", (failureMode) => {
  let primary: ModelServer[] = [];
  let shadow: ModelServer[] = [];
  let gateway: Gateway;

  beforeAll(async () => {
    primary = await startModelServers(2);
    shadow = await startModelServers(1);
    gateway = await startGateway({
      resources: scenario({ primary: addresses(primary), shadow: addresses(shadow), failureMode }),
    });
  }, 60_000);

  afterAll(async () => {
    await gateway?.stop();
    await stopModelServers([...primary, ...shadow]);
  });

  function expectRefusal(
    { status, text, headers }: Seen,
    code: string,
    expectedStatus: number,
  ): void {
    expect(status).toBe(expectedStatus);
    expect(JSON.parse(text)).toMatchObject({ error: { code, type: "server_error", param: null } });
    expect(headers["retry-after"]).toBe("1");
  }

  test("dead: requests with a body continue or are refused as the pool says, and picks come back", async () => {
    await gateway.sidecar().stop("SIGKILL");
    const answers = await postMany(gateway.origin, 10, 1, (index) =>
      chat({ promptBytes: index * 10_000 }),
    );
    const failed = answers.filter(({ status }) => status !== 200);
    expect(failed.length).toBeLessThanOrEqual(failureMode === "FailOpen" ? 1 : answers.length);
    const refused = failureMode === "FailOpen" ? [] : answers;
    for (const answer of refused) expectRefusal(answer, "picker_unavailable", 503);
    await gateway.restartSidecar();
    const picksBefore = await picks();
    await until("smart picks are back", async () => {
      expect([200, 503]).toContain((await post(gateway.origin, chat())).status);
      return (await picks()) > picksBefore;
    });
    expect((await post(gateway.origin, chat())).status).toBe(200);
  }, 60_000);

  test("hanging: each request waits for its limit only", async () => {
    gateway.sidecar().process.kill("SIGSTOP");
    const answers = await postMany(gateway.origin, 3, 3, () => chat({ promptBytes: 50_000 }));
    for (const answer of answers) {
      expect(answer.tookMs).toBeLessThan(10_000);
      expect(failureMode === "FailOpen" ? [200] : [503, 504]).toContain(answer.status);
    }
    gateway.sidecar().process.kill("SIGCONT");
    await until(
      "smart picks are back",
      async () => (await post(gateway.origin, chat())).status === 200,
    );
  }, 60_000);

  /** Requests that this sidecar has picked for. */
  async function picks(): Promise<number> {
    const { request } = await import("undici");
    const { body } = await request(`http://${gateway.admin}/metrics`);
    const lines = (await body.text())
      .split("\n")
      .filter((line) => /^umbra_picks_total\{lane="primary".*picked/.test(line));
    return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  }
});
