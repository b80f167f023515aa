import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { ShadowReport } from "@umbra/shadow";
import { testSize } from "../testing/test-size.ts";
import { chat } from "./harness/client.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import { steadyLoad } from "./harness/load.ts";
import {
  addresses,
  type ModelServer,
  startModelServers,
  stopModelServers,
} from "./harness/model-servers.ts";
import { freePorts } from "./harness/ports.ts";
import { runUmbra } from "./harness/processes.ts";
import { policyScenario } from "./harness/resources.ts";
import { until } from "./harness/until.ts";

/** How long the evaluation takes. */
const seconds = testSize(24, 36);
const policy = `  sampling: {percent: 100}
  budget: {maxInFlight: 512, maxBodyBytes: 65536}
  evaluation:
    horizon: ${seconds}s
    warmup: 2s
    minPairs: 200
    blockLengths: [500ms, 1s, 1500ms, 2s]`;

/** Required gates that failed. A FAIL is decided as soon as it is certain, when others have too few pairs yet. */
function failedGates(report: ShadowReport): readonly string[] {
  return report.gates
    .filter(({ required, status }) => required && status === "FAIL")
    .map(({ id }) => id);
}

interface Metrics {
  value(name: string): number;
}

describe("two sidecars, each with an Envoy of its own", () => {
  const servers: Record<string, ModelServer[]> = {};
  const folder = mkdtempSync(join(tmpdir(), "umbra-peers-"));
  const file = (name: string) => join(folder, name);
  const gateways: Gateway[] = [];
  const [judge, other] = [() => gateways[0] as Gateway, () => gateways[1] as Gateway];

  const reportOf = async (gateway: Gateway): Promise<ShadowReport | undefined> =>
    (await gateway.json<{ reports: readonly ShadowReport[] }>("/v1/report")).reports[0];

  async function metricsOf({ admin }: Gateway): Promise<Metrics> {
    const text = await (await fetch(`http://${admin}/metrics`)).text();
    return {
      value(name) {
        const line = text.split("\n").find((each) => each.startsWith(`${name} `));
        return Number(line?.slice(name.length + 1));
      },
    };
  }

  async function startReplica(name: string, at: string, more: readonly string[]): Promise<void> {
    const pools = Object.fromEntries(
      Object.entries(servers).map(([of, lane]) => [of, addresses(lane)]),
    );
    const mirrors = ["slower"];
    const resources = policyScenario({ backends: { primary: 1 }, mirrors, pools, policy });
    writeFileSync(file("resources.yaml"), resources);
    const peers = peersAt.flatMap((address) => ["--peers", address]);
    gateways.push(
      await startGateway({
        resources,
        serveFlags: [
          ...["--samples", file(name), "--peers-listen", at, ...peers],
          ...["--peer-secret-file", file("secret"), ...more],
        ],
      }),
    );
  }

  let peersAt: readonly string[] = [];
  beforeAll(async () => {
    writeFileSync(file("secret"), "a secret that both sidecars have in common\n", { mode: 0o600 });
    for (const [name, factor] of [["primary", 1] as const, ["slower", 2.5] as const]) {
      const lane = await startModelServers(2);
      lane.forEach(({ server }, index) => {
        server.setFaults({ delayMs: factor * (index === 0 ? 100 : 150) });
      });
      servers[name] = lane;
    }
    peersAt = (await freePorts(2)).map((port) => `127.0.0.1:${port}`);
    await startReplica("a.ndjson", peersAt[0] ?? "", ["--judge"]);
    await startReplica("b.ndjson", peersAt[1] ?? "", []);
    await until("both sidecars know each other", async () => {
      const all = await Promise.all(gateways.map(metricsOf));
      return all.every((each) => each.value('umbra_peers{state="ready"}') === 1);
    });
  }, 120_000);

  afterAll(async () => {
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    await stopModelServers(Object.values(servers).flat());
    rmSync(folder, { recursive: true, force: true });
  }, 30_000);

  test("the judge's verdict is that of both samples files together", async () => {
    const startedMs = performance.now();
    const isOver = async () => performance.now() - startedMs > (seconds - 6) * 1_000;
    const body = () => chat({ isStream: true, maxTokens: 1 });
    const seen = await Promise.all(
      gateways.map(({ origin }) => steadyLoad(origin, 12, body, { isOver, mostMs: 35_000 })),
    );
    expect(new Set(seen.flat().map(({ status }) => status))).toEqual(new Set([200]));
    const all = seen.flat().length;
    let live: ShadowReport | undefined;
    await until(
      "the judge has a last verdict",
      async () => {
        live = await reportOf(judge()).catch(() => undefined);
        return live?.evaluation.is_final === true;
      },
      60_000,
    );
    const both = ["--samples", file("a.ndjson"), "--samples", file("b.ndjson")];
    const { stdout } = await runUmbra(
      "report",
      "-f",
      file("resources.yaml"),
      ...both,
      "-o",
      "json",
    );
    const recorded = JSON.parse(stdout) as ShadowReport;
    expect([live?.funnel.paired, recorded.funnel.paired]).toEqual([all, all]);
    expect([live?.verdict.status, recorded.verdict.status]).toEqual(["FAIL", "FAIL"]);
    const failed = failedGates(live as unknown as ShadowReport);
    expect(failed).toContain("ttft.typical");
    expect(failedGates(recorded)).toEqual(expect.arrayContaining([...failed]));
    // The other one knows only its own.
    expect((await reportOf(other()))?.funnel.paired).toBe(seen[1]?.length);
    expect((await metricsOf(judge())).value("umbra_peers_judge")).toBe(1);
  }, 150_000);

  test("one that has ended counts no longer", async () => {
    await other().sidecar().stop("SIGKILL");
    await until("its connection is known to be gone", async () => {
      const metrics = await metricsOf(judge());
      return metrics.value('umbra_peers{state="ready"}') === 0;
    });
    expect((await metricsOf(judge())).value('umbra_peers{state="away"}')).toBe(1);
  }, 60_000);
});
