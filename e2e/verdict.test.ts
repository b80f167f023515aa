import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { ShadowReport } from "@umbra/shadow";
import { chat } from "./harness/client.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import { steadyLoad } from "./harness/load.ts";
import {
  addresses,
  type ModelServer,
  startModelServers,
  stopModelServers,
} from "./harness/model-servers.ts";
import { runUmbra } from "./harness/processes.ts";
import { policyScenario } from "./harness/resources.ts";
import { until } from "./harness/until.ts";

/** A whole evaluation in under a minute: shorter blocks, and margins that fit the few pairs. */
const policy = `  sampling: {percent: 100}
  budget: {maxInFlight: 512, maxBodyBytes: 65536}
  evaluation:
    horizon: 30s
    warmup: 2s
    minPairs: 500
    blockLengths: [500ms, 1s, 1500ms, 2s]
    gates:
      ttft.p90: {margin: 0.30}
      # Half a minute has too few pairs for a p99.
      ttft.p99: {required: false}
      errors: {margin: 0.03}
      finish.length: {margin: 0.03}
      bad_request: {margin: 0.03}
      empty: {margin: 0.03}
      malformed: {margin: 0.03}`;

const candidates = ["equal", "slower", "vanishing"];

/** Copies beyond the first are dropped by Envoy itself, and nobody is told. */
function dropCopies(bootstrap: string): string {
  const [before, after] = bootstrap.split("- name: lane/default/route/0/mirror/2\n");
  return `${before}- name: lane/default/route/0/mirror/2\n${after?.replace("max_requests: 528", "max_requests: 1")}`;
}

describe("verdicts on a real Envoy", () => {
  const servers: Record<string, ModelServer[]> = {};
  let gateway: Gateway;
  let reports: readonly ShadowReport[] = [];
  const folder = mkdtempSync(join(tmpdir(), "umbra-verdict-"));
  const samples = join(folder, "samples.ndjson");

  const verdictOf = (name: string) =>
    reports.find(({ candidate }) => candidate.pool === `default/${name}`)?.verdict;
  const slowerTtft = () =>
    reports
      .find(({ candidate }) => candidate.pool === "default/slower")
      ?.gates.find(({ id }) => id === "ttft.typical");
  const lookAgain = async () => {
    ({ reports } = await gateway.json<{ reports: readonly ShadowReport[] }>("/v1/report"));
  };

  beforeAll(async () => {
    // Two endpoints of different speed: chance decides which a request gets on each lane, so that pairs differ by
    // more than this machine's own unrest, which lasts and would tie blocks of time together.
    const slowness = { primary: 1, equal: 1, slower: 1.3, vanishing: 1 };
    for (const [name, factor] of Object.entries(slowness)) {
      const lane = await startModelServers(2);
      lane.forEach(({ server }, index) => {
        server.setFaults({ delayMs: factor * (index === 0 ? 100 : 150) });
      });
      servers[name] = lane;
    }
    const pools = Object.fromEntries(
      Object.entries(servers).map(([name, lane]) => [name, addresses(lane)]),
    );
    gateway = await startGateway({
      resources: policyScenario({ backends: { primary: 1 }, mirrors: candidates, pools, policy }),
      serveFlags: ["--samples", samples],
      edit: dropCopies,
    });
    const answers = await steadyLoad(
      gateway.origin,
      20,
      () => chat({ isStream: true, maxTokens: 1 }),
      {
        // Traffic may be correlated by chance: then the evaluation continues until it can tell.
        isOver: async () => {
          await lookAgain();
          return verdictOf("equal")?.status === "PASS" && slowerTtft()?.status === "FAIL";
        },
        mostMs: 110_000,
      },
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    await until("the lost twins are given up", async () => {
      await lookAgain();
      return verdictOf("vanishing")?.status === "INVALID";
    });
  }, 180_000);

  afterAll(async () => {
    await gateway?.stop();
    await stopModelServers(Object.values(servers).flat());
    rmSync(folder, { recursive: true, force: true });
  });

  test("a shadow as fast as the primary passes", () => {
    expect(verdictOf("equal")).toMatchObject({ status: "PASS" });
  });

  test("a shadow with 1.3 times the TTFT fails, and the reason names the gate", () => {
    expect(verdictOf("slower")?.status).toBe("FAIL");
    const ttft = slowerTtft();
    expect(ttft).toMatchObject({ status: "FAIL" });
    expect(ttft?.estimate).toBeGreaterThan(1.15);
    expect(ttft?.estimate).toBeLessThan(1.45);
  });

  test("a shadow of which half of the twins vanish is invalid", () => {
    expect(verdictOf("vanishing")).toMatchObject({
      status: "INVALID",
      reasons: [{ code: "check_pairing_rate" }],
    });
  });

  test("the samples file gives the same verdicts without a sidecar, and broken lines are named", async () => {
    const flags = ["report", "--samples", samples, "--horizon", "30", "--min-pairs", "500"];
    const judged = await runUmbra(
      ...flags,
      ...["--warmup", "2", "--block-lengths", "0.5,1,1.5,2", "--candidate", "slower"],
      ...["-o", "json", "--gate"],
    );
    expect(judged.status).toBe(10);
    const report = JSON.parse(judged.stdout) as ShadowReport;
    expect(report.verdict.status).toBe("FAIL");
    expect(report.funnel.paired).toBeGreaterThan(500);
    expect(readFileSync(samples, "utf8")).not.toContain("xxxx");
  });

  test("every form of the report is written, and the gate's status is the worst verdict's", async () => {
    const files = ["html", "markdown", "junit"].flatMap((form) => [
      `--${form}`,
      join(folder, `report.${form}`),
    ]);
    const run = await runUmbra("report", "--admin", gateway.admin, "--gate", ...files);
    expect(run.status).toBe(12);
    expect(run.stdout).toContain("✗ FAIL");
    for (const name of candidates) {
      const page = readFileSync(join(folder, `report-default-${name}.html`), "utf8");
      expect(page).toContain(`default/${name}`);
      expect(page.length).toBeLessThan(300_000);
    }
  });

  test("one candidate's report waits for nothing that is over", async () => {
    const run = await runUmbra(
      ...["report", "--admin", gateway.admin, "--candidate", "equal", "--wait", "--gate"],
    );
    expect({ status: run.status, verdict: run.stdout.includes("✓ PASS") }).toEqual({
      status: 0,
      verdict: true,
    });
  });

  test("metrics tell verdict and gates", async () => {
    const page = await (await fetch(`http://${gateway.admin}/metrics`)).text();
    expect(page).toMatch(/umbra_shadow_verdict\{candidate="default\/equal"\} 1\n/);
    expect(page).toMatch(/umbra_shadow_verdict\{candidate="default\/slower"\} 2\n/);
    expect(page).toMatch(
      /umbra_shadow_gate_status\{candidate="default\/slower",gate="ttft.typical"\} 2\n/,
    );
  });
});
