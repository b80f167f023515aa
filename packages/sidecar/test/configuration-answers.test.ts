import { afterEach, expect, test } from "@jest/globals";
import { type Diagnostic, directTopology, trialListener } from "@umbra/envoy-config";
import { type Sidecar, startSidecar } from "@umbra/sidecar";
import type { ClientState } from "@umbra/xds";
import pino from "pino";
import { configAnswer, shownRejection } from "../src/configuration/config-answer.ts";
import { createConfigurationState } from "../src/configuration/configuration-state.ts";

let sidecar: Sidecar | undefined;
afterEach(async () => {
  await sidecar?.close(0);
  sidecar = undefined;
});

const topology = directTopology({ primary: ["127.0.0.1:9"], shadow: [], port: 80 });

const finding: Diagnostic = {
  severity: "error",
  code: "UMB0101",
  message: "no such pool",
  remedy: "add it",
  file: "a.yaml",
  line: 3,
  column: 5,
  sourceLine: "name: secret",
};

const facts = {
  generation: 7,
  findings: [{ ...finding, severity: "info" as const }, finding],
  staleFiles: [{ file: "b.yaml", problem: "not UTF-8" }],
  objects: 12,
  changes: ["route default/chat: percent 10 → 25"],
  changedAtMs: 1,
};

test("/v1/config and the metrics show the configuration that was applied last", async () => {
  sidecar = await startSidecar({
    topology,
    grpc: "127.0.0.1:0",
    admin: { host: "127.0.0.1", port: 0 },
    log: pino({ level: "silent" }),
  });
  const get = async (path: string) =>
    (await fetch(`http://${sidecar?.adminAddress}${path}`)).text();
  expect(JSON.parse(await get("/v1/config"))).toMatchObject({ generation: 0, envoys: [] });
  sidecar.apply({ ...facts, topology, snapshot: undefined });
  const { appliedAtMs, ...answer } = JSON.parse(await get("/v1/config"));
  expect(Math.abs(Date.now() - appliedAtMs)).toBeLessThan(60_000);
  const { sourceLine: _, ...shown } = finding;
  expect(answer).toEqual({
    generation: 7,
    objects: 12,
    changes: facts.changes,
    findings: [shown, { ...shown, severity: "info" }],
    staleFiles: facts.staleFiles,
    attachments: [],
    envoys: [],
  });
  const page = await get("/metrics");
  expect(page.split("\n").filter((line) => /^umbra_config_(?!.*(bucket|time))/.test(line))).toEqual(
    [
      "umbra_config_generation 7",
      "umbra_config_objects 12",
      "umbra_config_stale_files 1",
      "umbra_config_connected_envoys 0",
      'umbra_config_findings{severity="error"} 1',
      'umbra_config_findings{severity="warning"} 0',
      'umbra_config_findings{severity="info"} 1',
      'umbra_config_nacks_total{type="cds"} 0',
      'umbra_config_nacks_total{type="eds"} 0',
      'umbra_config_nacks_total{type="sds"} 0',
      'umbra_config_nacks_total{type="ecds"} 0',
      'umbra_config_nacks_total{type="lds"} 0',
      'umbra_config_nacks_total{type="rds"} 0',
      "umbra_config_unknown_types_total 0",
      "umbra_config_change_to_ack_seconds_sum 0",
      "umbra_config_change_to_ack_seconds_count 0",
    ],
  );
});

test("each Envoy is shown with what it refuses of what is served", () => {
  const rejection = { kind: "rds", name: "http", version: "v", message: "bad regex" } as const;
  const tried = { ...rejection, name: trialListener };
  const client = {
    ...{ isUpToDate: true, hasEndpoints: true, keepsOlderRoutes: true, silentSinceMs: 0 },
    accepted: () => undefined,
    hasEarlierForm: () => undefined,
  };
  const clients = [
    { ...client, nodeId: "one", rejections: [rejection, tried] },
    { ...client, nodeId: "two", rejections: [] },
  ];
  const state = createConfigurationState(
    () => clients,
    () => 0,
  );
  expect(configAnswer(state).envoys).toEqual([
    {
      nodeId: "one",
      isUpToDate: true,
      refused: [{ type: "rds", name: "http", version: "v", message: "bad regex" }],
    },
    { nodeId: "two", isUpToDate: true, refused: [] },
  ]);
});

test("Envoy's words about a certificate are not shown, as they may quote it", () => {
  const shown = shownRejection({ kind: "sds", name: "tls", version: "v", message: "-----BEGIN" });
  expect(shown).toEqual({
    type: "sds",
    name: "tls",
    version: "v",
    message: "not shown, as it may quote the certificate or its key",
  });
});

test("a refused change is no success: the time of the last one stays", () => {
  let now = 1_000;
  const state = createConfigurationState(
    () => [],
    () => now,
  );
  state.applied(facts);
  now = 2_000;
  state.applied({ ...facts, findings: [finding] });
  expect([state.appliedAtMs, state.facts?.findings]).toEqual([1_000, [finding]]);
  state.applied({ ...facts, generation: facts.generation + 1 });
  expect(state.appliedAtMs).toBe(2_000);
});

test("long lists are cut, and errors and refused routes come first", () => {
  const rejection = { kind: "cds", name: "c", version: "1", message: "no" } as const;
  const client: ClientState = {
    ...{ nodeId: "envoy", isUpToDate: true, hasEndpoints: true, keepsOlderRoutes: false },
    ...{ silentSinceMs: 0, rejections: Array(2_000).fill(rejection), accepted: () => undefined },
    hasEarlierForm: () => undefined,
  };
  const state = createConfigurationState(
    () => [client],
    () => 0,
  );
  const name = { namespace: "default", name: "r" };
  const attachment = { route: name, parent: { gateway: name }, reason: "Accepted", message: "" };
  state.applied({
    ...facts,
    findings: [...Array(2_000).fill({ ...finding, severity: "warning" }), finding],
    attachments: [
      ...Array(2_000).fill({ ...attachment, isAccepted: true }),
      { ...attachment, isAccepted: false },
    ],
    staleFiles: Array(2_000).fill({ file: "b.yaml", problem: "not UTF-8" }),
  });
  const { findings, attachments, staleFiles, envoys } = configAnswer(state);
  const lists = [findings, attachments, staleFiles, envoys[0]?.refused];
  expect(lists.map((each) => each?.length)).toEqual([1_000, 1_000, 1_000, 1_000]);
  expect([findings[0]?.severity, attachments[0]?.isAccepted]).toEqual(["error", false]);
});
