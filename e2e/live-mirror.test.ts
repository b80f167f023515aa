import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { ShadowReport } from "@umbra/shadow";
import { isLong, testSize } from "../testing/test-size.ts";
import { chat, type Seen } from "./harness/client.ts";
import { type LiveGateway, startLiveGateway } from "./harness/live-gateway.ts";
import { steadyLoad } from "./harness/load.ts";
import {
  addresses,
  type ModelServer,
  startModelServers,
  stopModelServers,
} from "./harness/model-servers.ts";
import { freePorts } from "./harness/ports.ts";
import { pool, poolRef } from "./harness/resources.ts";
import { until } from "./harness/until.ts";

/** The run without changes shows each night that chance and this machine decide nothing. */
const numbersOfChanges = isLong ? [200, 0] : [80];
/** The changes take about as long as the evaluation. */
const everyMs = testSize(350, 150);
const candidates = ["equal", "slower"];
const certificates = ["default/chat", "certificates/wildcard"];

describe.each(numbersOfChanges)(
  "mirrors while percent, endpoints, a route and a certificate are changed %i times",
  (changes) => {
    const servers: Record<string, ModelServer[]> = {};
    let [port, tlsPort] = [0, 0];
    let gateway: LiveGateway;
    let answers: readonly Seen[] = [];
    let reports: readonly ShadowReport[] = [];
    let written = 0;

    const reportOf = (name: string) =>
      reports.find(({ candidate }) => candidate.pool === `default/${name}`);
    const readReports = async () => {
      ({ reports } = await gateway.json<{ reports: readonly ShadowReport[] }>("/v1/report"));
    };

    beforeAll(async () => {
      [port = 0, tlsPort = 0] = await freePorts(2);
      // Chance decides which endpoint a request gets on each lane, so that pairs differ by more than this machine's unrest.
      const slowness = { primary: 1, equal: 1, slower: 1.3 };
      for (const [name, factor] of Object.entries(slowness)) {
        const lane = await startModelServers(2);
        lane.forEach(({ server }, i) => {
          server.setFaults({ delayMs: factor * (i === 0 ? 100 : 150) });
        });
        servers[name] = lane;
      }
      // It comes and goes, and is as fast as the other two are on average.
      servers.third = await startModelServers(1);
      servers.third[0]?.server.setFaults({ delayMs: 125 });
      gateway = await startLiveGateway({ files: filesAt(0) });
      let isOver = false;
      const changing = change(() => isOver);
      answers = await steadyLoad(
        `http://127.0.0.1:${port}`,
        40,
        () => chat({ isStream: true, maxTokens: 1 }),
        {
          async isOver() {
            await readReports();
            const decided = candidates.every((name) =>
              ["PASS", "FAIL"].includes(reportOf(name)?.verdict.status ?? ""),
            );
            return decided && written >= changes;
          },
          mostMs: 110_000,
        },
      );
      isOver = true;
      await changing;
    }, 180_000);

    afterAll(async () => {
      await gateway?.stop();
      await stopModelServers(Object.values(servers).flat());
    });

    /** All files, as they are after this number of changes. */
    function filesAt(change: number): Readonly<Record<string, string>> {
      const at = (kind: number) => Math.floor((change + 3 - kind) / 4);
      const third = at(1) % 2 === 0 ? "" : `,${addresses(servers.third ?? [])}`;
      const endpoints = (name: string) => addresses(servers[name] ?? []);
      return {
        "gateway.yaml": gatewayText(port, tlsPort),
        "policy.yaml": policyText(at(0) % 2 === 0 ? 100 : 90),
        "primary.yaml": pool("primary", endpoints("primary") + third),
        "candidates.yaml": candidates.map((name) => pool(name, endpoints(name))).join(""),
        "route.yaml": routeText(at(2)),
        "secret.yaml": secretText(certificates[at(3) % 2] ?? ""),
      };
    }

    /** One file after the other, over the time of the evaluation. */
    async function change(isOver: () => boolean): Promise<void> {
      const names = ["policy.yaml", "primary.yaml", "route.yaml", "secret.yaml"];
      while (!isOver() && written < changes) {
        const name = names[written % names.length] ?? "";
        written++;
        gateway.write(name, filesAt(written)[name] ?? "");
        await sleep(everyMs);
      }
    }

    test("all changes are served, and Envoy has accepted each kind of resource", async () => {
      expect(written).toBe(changes);
      await until("Envoy has the last change", async () => {
        const { envoys } = await gateway.config();
        return envoys.length === 1 && envoys[0]?.isUpToDate === true;
      });
      expect((await gateway.config()).envoys[0]?.refused).toEqual([]);
      expect(answers.at(-1)?.headers["x-version"]).toBe(String(changes / 4));
      expect(await certificateOf(tlsPort)).toMatch(/chat\.example\.com/);
      expect(await gateway.envoy().stat("listener_manager.listener_modified")).toBe(0);
      expect(await gateway.envoy().stat("cluster_manager.cluster_modified")).toBe(0);
    });

    test("no client sees an error", () => {
      expect(answers.length).toBeGreaterThan(500);
      expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
      expect(answers.filter(({ text }) => !text.includes("[DONE]"))).toEqual([]);
    });

    test.each(candidates)("no pair in flight is lost: %s", (name) => {
      // A decided report stays as it was at the decision: some pairs were in flight.
      const {
        dispatched = 0,
        paired = 0,
        in_flight: open = 0,
        lost,
      } = reportOf(name)?.funnel ?? {};
      expect(lost).toBe(0);
      expect(paired).toBeGreaterThan(450);
      expect(paired + open).toBe(dispatched);
      expect(open).toBeLessThan(20);
    });

    test("the verdicts are the same with and without changes", () => {
      expect(reportOf("equal")?.verdict).toMatchObject({ status: "PASS" });
      expect(reportOf("slower")?.verdict).toMatchObject({ status: "FAIL" });
      expect(reports).toHaveLength(candidates.length);
    });
  },
);

function gatewayText(port: number, tlsPort: number): string {
  return `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway}
spec:
  gatewayClassName: umbra
  listeners:
    - {name: http, port: ${port}, protocol: HTTP}
    - {name: https, port: ${tlsPort}, protocol: HTTPS, tls: {certificateRefs: [{name: chat}]}}
`;
}

function policyText(percent: number): string {
  return `apiVersion: umbra.dev/v1alpha1
kind: ShadowPolicy
metadata: {name: policy}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: route}]
  sampling: {percent: ${percent}}
  budget: {maxInFlight: 512, maxBodyBytes: 65536}
  evaluation:
    horizon: 30s
    warmup: 2s
    minPairs: 450
    blockLengths: [500ms, 1s, 1500ms, 2s]
    gates:
      ttft.p90: {margin: 0.30}
      ttft.p99: {required: false}
      errors: {margin: 0.03}
      finish.length: {margin: 0.03}
      bad_request: {margin: 0.03}
      empty: {margin: 0.03}
      malformed: {margin: 0.03}
`;
}

function routeText(version: number): string {
  const filters = candidates.map(
    (name) => `
        - {type: RequestMirror, requestMirror: {backendRef: ${poolRef(name)}}}`,
  );
  return `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route}
spec:
  parentRefs: [{name: gateway}]
  rules:
    - backendRefs: [${poolRef("primary")}]
      filters:
        - type: ResponseHeaderModifier
          responseHeaderModifier: {set: [{name: x-version, value: "${version}"}]}${filters.join("")}
`;
}

function secretText(certificate: string): string {
  const file = (name: string) =>
    readFileSync(new URL(`../envoy/https/tls/${certificate}/${name}`, import.meta.url), "utf8");
  const indented = (name: string) => file(name).replaceAll(/^/gm, "    ");
  return `apiVersion: v1
kind: Secret
metadata: {name: chat}
type: kubernetes.io/tls
stringData:
  tls.crt: |
${indented("tls.crt")}
  tls.key: |
${indented("tls.key")}
`;
}

async function certificateOf(port: number): Promise<string | undefined> {
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const name = socket.getPeerX509Certificate()?.subjectAltName;
  socket.destroy();
  return name;
}
