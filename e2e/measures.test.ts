import { expect, test } from "@jest/globals";
import type { Pair } from "@umbra/shadow";
import { Agent, request } from "undici";
import { testSize } from "../testing/test-size.ts";
import { chat } from "./harness/client.ts";
import { startGateway } from "./harness/gateway.ts";
import { addresses, startModelServers, stopModelServers } from "./harness/model-servers.ts";
import { policyScenario } from "./harness/resources.ts";
import { until } from "./harness/until.ts";

/** What a client's own clock says of one streamed answer, in ms. */
interface Clocked {
  readonly requestId: string;
  readonly ttft: number;
  readonly tpot: number;
  readonly e2e: number;
}

const tokens = 16;
const requests = testSize(30, 60);

async function clocked(origin: string, dispatcher: Agent): Promise<Clocked> {
  const startedMs = performance.now();
  const { headers, body } = await request(`${origin}/v1/chat/completions`, {
    method: "POST",
    headers: { host: "example.com", "content-type": "application/json" },
    body: chat({ isStream: true, maxTokens: tokens, promptBytes: 4_000 }),
    dispatcher,
  });
  let [first, last, text] = [0, 0, ""];
  for await (const chunk of body) {
    const nowMs = performance.now();
    const before = (text.match(/"content": ?"[^"]/g) ?? []).length;
    text += String(chunk);
    const now = (text.match(/"content": ?"[^"]/g) ?? []).length;
    if (now === before) continue;
    if (first === 0) first = nowMs;
    last = nowMs;
  }
  return {
    requestId: String(headers["x-request-id"]),
    ttft: first - startedMs,
    tpot: (last - first) / (tokens - 1),
    e2e: last - startedMs,
  };
}

function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;
}

/**
 * Compared by the quarter of the requests that agree best: on a busy machine the client is woken late, by other amounts
 * each time. An error of the measure itself is in every request.
 */
test("TTFT, TPOT and E2E agree with a client's own clock", async () => {
  const primary = await startModelServers(1, { timeScale: 1 });
  const shadow = await startModelServers(1, { timeScale: 1 });
  const gateway = await startGateway({
    resources: policyScenario({
      backends: { primary: 1 },
      mirrors: ["shadow"],
      pools: { primary: addresses(primary), shadow: addresses(shadow) },
      policy: "  sampling: {percent: 100}",
    }),
  });
  const dispatcher = new Agent({ connections: 4, pipelining: 1 });
  try {
    const seen: Clocked[] = [];
    for (let i = 0; i < requests; i++) seen.push(await clocked(gateway.origin, dispatcher));
    let pairs: readonly Pair[] = [];
    await until("all are paired", async () => {
      ({ pairs } = await gateway.json<{ pairs: readonly Pair[] }>("/v1/pairs"));
      return pairs.length >= seen.length;
    });
    const measured = new Map(pairs.map(({ requestId, primary: leg }) => [requestId, leg]));
    const compare = (
      of: (client: Clocked) => number,
      by: (requestId: string) => number | undefined,
    ) => {
      const differences = seen.map((each) =>
        Math.abs(of(each) - (by(each.requestId) ?? Number.POSITIVE_INFINITY)),
      );
      return {
        difference: quantile(differences, 0.25),
        allowed: 3 + quantile(seen.map(of), 0.5) * 0.03,
      };
    };
    const all = [
      compare(
        ({ ttft }) => ttft,
        (id) => measured.get(id)?.ttftMs,
      ),
      compare(
        ({ tpot }) => tpot,
        (id) => measured.get(id)?.tpotMs,
      ),
      compare(
        ({ e2e }) => e2e,
        (id) => measured.get(id)?.e2eMs,
      ),
    ];
    for (const { difference, allowed } of all) expect(difference).toBeLessThanOrEqual(allowed);
  } finally {
    await dispatcher.destroy();
    await gateway.stop();
    await stopModelServers([...primary, ...shadow]);
  }
}, 90_000);
