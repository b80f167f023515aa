import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { ScriptedApiServer } from "../../../testing/api-server/scripted-api-server.ts";
import type { StoredKind, StoredObject } from "../../../testing/api-server/scripted-store.ts";
import { type Ran, runCommand } from "./run-command.ts";

const kind = (group: string, version: string, plural: string, name: string): StoredKind => ({
  ...{ group, version, plural, kind: name, isNamespaced: true },
});
const pools = kind("inference.networking.k8s.io", "v1", "inferencepools", "InferencePool");
const models = kind(
  ...(["inference.networking.x-k8s.io", "v1alpha2", "inferencemodels", "InferenceModel"] as const),
);
const routes = kind("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute");
const secrets = kind("", "v1", "secrets", "Secret");
const policies = kind("umbra.dev", "v1alpha1", "shadowpolicies", "ShadowPolicy");

const object = (text: string): StoredObject => parse(text) as StoredObject;

const llama = object(`
metadata: { name: llama, namespace: team, annotations: { umbra.dev/endpoints: "10.0.0.1:8000" } }
spec: { selector: { matchLabels: { app: llama } }, targetPorts: [{ number: 8000 }] }
`);
const cheap = object(`
metadata: { name: cheap, namespace: team }
spec: { modelName: cheap, criticality: Sheddable, poolRef: { name: llama } }
`);
const brokenRoute = object(`
metadata: { name: chat, namespace: team }
spec: { rules: [{ matches: [{ path: { type: Exact, value: no-slash } }] }] }
`);
const policy = (name: string, status: string): StoredObject =>
  object(`
metadata: { name: ${name}, namespace: team }
spec: { targetRefs: [{ name: chat }], sampling: { percent: 25 } }
status: ${status}
`);
const accepted = `ancestors: [{ conditions: [{ type: Accepted, status: "True" }] }]`;
const passed = policy(
  "b",
  `{ ${accepted}, evaluation: { verdict: PASS, ratio: 1.02, pairs: 812, reportedAt: "2026-11-30T10:00:00Z" } }`,
);

const folder = mkdtempSync(join(tmpdir(), "umbra-kube-commands-"));
afterAll(() => rmSync(folder, { recursive: true }));
const kubeconfig = join(folder, "config");
const state = join(folder, "state.json");
const metrics = { waitingRequests: 0, runningRequests: 0, kvCacheUsage: 0.1, activeAdapters: [] };
const endpoint = { address: "10.0.0.1:8000", metrics: { kind: "fresh", metrics } };
writeFileSync(state, JSON.stringify({ pools: [{ name: "team/llama", endpoints: [endpoint] }] }));

let server: ScriptedApiServer;

beforeEach(async () => {
  server = new ScriptedApiServer();
  await server.start();
  server.install(pools).put(llama);
  server.install(models).put(cheap);
  const config = {
    "current-context": "here",
    clusters: [{ name: "c", cluster: { server: server.url } }],
    contexts: [{ name: "here", context: { cluster: "c", namespace: "team" } }],
  };
  writeFileSync(kubeconfig, JSON.stringify(config));
});

afterEach(() => server.stop());

const run = (...args: readonly string[]): Promise<Ran> =>
  runCommand([...args, "--kube", "--kubeconfig", kubeconfig]);

describe("umbra explain --kube", () => {
  const explain = (...more: readonly string[]): Promise<Ran> =>
    run("explain", "--pool", "llama", "--state", state, "-o", "json", ...more);

  test("takes the models from the API server", async () => {
    const { status, stdout } = await explain("--model", "cheap");
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      request: { model: "cheap", criticality: "Sheddable" },
    });
  });

  test("asks for no Secret, and is not stopped by another team's object", async () => {
    server.install(secrets);
    server.install(routes).put(brokenRoute);
    const { status, stderr } = await explain();
    expect(status).toBe(0);
    expect(stderr).toContain("1 error in the resources: see umbra check --kube");
    expect(server.seen.map(({ plural }) => plural)).toContain("inferencepools");
    expect(server.seen.map(({ plural }) => plural)).not.toContain("secrets");
  });
});

describe("umbra report --kube", () => {
  test("prints what the status of each policy says, by name", async () => {
    server.install(policies).put(passed);
    server.resource(policies).put(policy("a", "{}"));
    const { status, stdout } = await run("report", "-o", "json");
    expect(status).toBe(0);
    const common = { namespace: "team", routes: ["chat"], percent: 25 };
    expect(JSON.parse(stdout)).toEqual({
      schema: "shadow-policies/1",
      policies: [
        { ...common, name: "a" },
        {
          ...{ ...common, name: "b", accepted: "True", verdict: "PASS", ratio: 1.02, pairs: 812 },
          reportedAt: "2026-11-30T10:00:00Z",
        },
      ],
    });
  });

  test.each([
    { name: "PASS", status: "{ evaluation: { verdict: PASS } }", want: 0 },
    { name: "FAIL", status: "{ evaluation: { verdict: FAIL } }", want: 10 },
    { name: "no report yet", status: "{}", want: 11 },
    { name: "INVALID", status: "{ evaluation: { verdict: INVALID } }", want: 12 },
  ])("with --gate, $name besides a PASS ends with $want", async ({ status, want }) => {
    server.install(policies).put(passed);
    server.resource(policies).put(policy("a", status));
    expect((await run("report", "--gate")).status).toBe(want);
  });

  test("says that there is no policy, and where it searched", async () => {
    const { status, stderr } = await run("report");
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringMatching(/no ShadowPolicy in these namespaces: .*--all-namespaces/),
    });
  });

  test.each([
    { args: ["--html", join(folder, "page.html")], names: /^[^\n]*--html needs a whole report/ },
    { args: ["--wait"], names: /--wait needs a whole report/ },
    { args: ["-f", folder], names: /-f needs a whole report/ },
  ])("refuses $args, which a status can't give", async ({ args, names }) => {
    const { status, stderr } = await run("report", ...args);
    expect(status).toBe(2);
    expect(stderr).toMatch(names);
  });

  test("with --samples, reads the policies that define the evaluation", async () => {
    server.install(policies);
    const samples = join(folder, "samples.ndjson");
    writeFileSync(samples, "");
    const { stderr } = await run("report", "--samples", samples);
    expect(stderr).toContain("nothing to report");
    expect(server.seen.map(({ plural }) => plural)).toContain("shadowpolicies");
  });
});

describe("umbra shadow list --kube", () => {
  test("has a row for each policy", async () => {
    server.install(policies).put(passed);
    const { status, stdout } = await run("shadow", "list");
    expect(status).toBe(0);
    expect(stdout).toMatch(/team\/b .* chat .* 25 % .* True .* PASS .* 1\.020 .* 812/);
  });

  test("ignores fields of another form", async () => {
    const odd = '{ ancestors: 3, evaluation: { verdict: [1], pairs: "many", ratio: 2 } }';
    server.install(policies).put(policy("odd", odd));
    const { stdout } = await run("shadow", "list", "-o", "json");
    expect(JSON.parse(stdout)).toMatchObject({ policies: [{ name: "odd", ratio: 2 }] });
    expect(stdout).not.toMatch(/verdict|pairs|accepted/);
  });
});

test.each([["explain", "--pool", "llama"], ["report"], ["shadow", "list"], ["up"]])(
  "%s refuses the other flags without --kube",
  async (...args) => {
    const { status, stderr } = await runCommand([...args, "--all-namespaces"]);
    expect(status).toBe(2);
    expect(stderr).toContain("--all-namespaces needs --kube");
  },
);
