import { expect, test } from "@jest/globals";
import { testSize } from "../testing/test-size.ts";
import { chat, postMany } from "./harness/client.ts";
import { startGateway } from "./harness/gateway.ts";
import { addresses, startModelServers, stopModelServers } from "./harness/model-servers.ts";
import { scenario } from "./harness/resources.ts";
import { until } from "./harness/until.ts";

/** Twenty at a time. */
const streams = testSize(60, 160);

test("a sidecar killed under load: at most two requests fail, no running stream is cut, picks come back", async () => {
  // Slow enough that streams run across the kill: 40 tokens in about two seconds.
  const slow = { timeScale: 1, decodeTokensPerSecond: 20, maxNumSeqs: 256 };
  const primary = await startModelServers(2, slow);
  const shadow = await startModelServers(1, { timeScale: 0 });
  const gateway = await startGateway({
    resources: scenario({
      primary: addresses(primary),
      shadow: addresses(shadow),
      failureMode: "FailOpen",
    }),
  });
  try {
    let answered = 0;
    const load = postMany(
      gateway.origin,
      streams,
      20,
      () => chat({ isStream: true, maxTokens: 40 }),
      () => {
        answered++;
      },
    );
    await until("streams run", () => answered >= streams * 0.15, 30_000);
    await gateway.sidecar().stop("SIGKILL");
    await until("streams continue without a picker", () => answered >= streams * 0.55, 30_000);
    await gateway.restartSidecar();
    const answers = await load;
    const failed = answers.filter(({ status }) => status !== 200);
    const cut = answers.filter(
      ({ status, text }) => status === 200 && !text.trimEnd().endsWith("[DONE]"),
    );
    expect(cut).toEqual([]);
    expect(failed.length).toBeLessThanOrEqual(2);
  } finally {
    await gateway.stop();
    await stopModelServers([...primary, ...shadow]);
  }
}, 120_000);
