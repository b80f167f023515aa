import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { runCommand } from "./run-command.ts";

const folder = mkdtempSync(join(tmpdir(), "umbra-explain-"));
afterAll(() => rmSync(folder, { recursive: true }));

const run = (...args: readonly string[]) => runCommand(["explain", ...args]);

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const known = {
  runningRequests: 0,
  kvCacheUsage: 0.1,
  activeAdapters: [],
  maxActiveAdapters: 2,
  scrapedAtMs: 5,
};
const state = file(
  "state.json",
  JSON.stringify({
    pools: [
      {
        name: "default/llama",
        adapters: ["sql-lora"],
        endpoints: [
          {
            address: "10.0.0.1:8000",
            inFlight: 1,
            metrics: { kind: "fresh", metrics: { ...known, waitingRequests: 6 } },
          },
          {
            address: "10.0.0.2:8000",
            metrics: { kind: "fresh", metrics: { ...known, waitingRequests: 0 } },
          },
          {
            address: "10.0.0.3:8000",
            recentAdapters: ["sql-lora"],
            metrics: { kind: "fresh", metrics: { ...known, waitingRequests: 2 } },
          },
          {
            address: "10.0.0.4:8000",
            metrics: { kind: "stale", metrics: { ...known, waitingRequests: 0 } },
          },
          { address: "10.0.0.5:8000" },
        ],
      },
    ],
  }),
);
const resources = (config: string) => `apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: llama, annotations: {umbra.dev/endpoints: "10.0.0.1:8000"}}
spec: {targetPorts: [{number: 8000}], selector: {matchLabels: {app: llama}}, endpointPickerRef: {name: umbra, port: {number: 9002}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway}
spec: {gatewayClassName: umbra, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: cheap}
spec: {modelName: cheap, criticality: Sheddable, poolRef: {name: llama}}
---
${config}`;
const tree = `apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
metadata: {name: llama}
plugins: [{type: decision-tree-profile}]
schedulingProfiles: [{plugins: [{pluginRef: decision-tree-profile}]}]
`;

describe("umbra explain", () => {
  test("shows filters, scores and the pick of a saved state", async () => {
    const { status, stdout } = await run(
      "--state",
      state,
      "--pool",
      "llama",
      "--model",
      "sql-lora",
    );
    expect(status).toBe(0);
    const row = (address: string) =>
      stdout.split("\n").find((line) => line.includes(address)) ?? "";
    expect(stdout).toContain("pool default/llama, profile default, picker max-score");
    expect(row("10.0.0.3:8000")).toMatch(/kept.*kept.*1\.000.*picked/);
    expect(row("10.0.0.4:8000")).toMatch(/kept.*–/);
    expect(stdout.match(/picked/g)).toHaveLength(1);
  });

  test("reads loaded and idle adapters from a saved state", async () => {
    const endpoints = [[], ["sql-lora"], []].map((loadedAdapters, index) => ({
      address: `10.0.0.${index}:8000`,
      metrics: {
        kind: "fresh",
        metrics: { ...known, waitingRequests: 0, loadedAdapters, namedAdapters: loadedAdapters },
      },
    }));
    const pools = [{ name: "default/llama", adapters: ["sql-lora"], endpoints }];
    const saved = file("loaded.json", JSON.stringify({ pools }));
    const args = ["--state", saved, "--pool", "llama", "--model", "sql-lora", "-o", "json"];
    const { status, stdout } = await run(...args);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ explanation: { picked: "10.0.0.1:8000" } });
  });

  test("uses the models and EndpointPickerConfig of the resources", async () => {
    const files = file("resources.yaml", resources(tree));
    const args = ["--state", state, "-f", files, "--pool", "default/llama", "-o", "json"];
    const { status, stdout } = await run(...args, "--model", "cheap");
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      request: { criticality: "Sheddable" },
      explanation: { profile: "decision-tree", picker: "random" },
    });
  });

  test("tries the files' models and EndpointPickerConfig on the state of a running sidecar", async () => {
    const admin = createServer((request, response) => {
      response.writeHead(request.url === "/v1/pools" ? 200 : 404, {
        "content-type": "application/json",
      });
      response.end(readFileSync(state));
    });
    await new Promise<void>((resolve) => admin.listen(0, "127.0.0.1", resolve));
    const { port } = admin.address() as AddressInfo;
    const files = file("live.yaml", resources(tree));
    const args = ["-f", files, "--pool", "llama", "--model", "cheap", "-o", "json"];
    const { status, stdout } = await run(...args, "--admin", `127.0.0.1:${port}`);
    admin.close();
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      request: { criticality: "Sheddable" },
      explanation: {
        profile: "decision-tree",
        candidates: expect.arrayContaining(["10.0.0.1:8000"]),
      },
    });
  });

  test.each([
    { waitingRequests: 3, runningRequests: 1 },
    { kind: "fresh" },
    { kind: "fresh", metrics: { waitingRequests: "3", runningRequests: 1 } },
    "idle",
  ])("metrics in another format are an error, not treated as missing: %j", async (metrics) => {
    const endpoints = [{ address: "10.0.0.1:8000", metrics }];
    const odd = file("odd.json", JSON.stringify({ pools: [{ name: "llama", endpoints }] }));
    const { status, stderr } = await run("--state", odd, "--pool", "llama", "--model", "m");
    expect(status).not.toBe(0);
    expect(stderr).toContain(
      'the metrics of 10.0.0.1:8000 in the state must have the sidecar\'s format, such as {"kind": "fresh", "metrics": {"waitingRequests": 0, "runningRequests": 0}}',
    );
  });

  test("exits with status 1 if the request would be refused", async () => {
    const full = file("full.json", JSON.stringify({ pools: [{ name: "llama", endpoints: [] }] }));
    const { status, stdout, stderr } = await run(
      "--state",
      full,
      "--pool",
      "llama",
      "--priority",
      "-1",
    );
    expect(status).toBe(1);
    expect(stdout).toContain("refused: POOL_EMPTY");
    expect(stderr).toContain("the request would be refused");
  });

  test.each([
    {
      name: "no pool with this name",
      args: ["--state", state, "--pool", "gone"],
      want: /no pool "gone" with endpoints; it has default\/llama/,
    },
    {
      name: "a file without pools",
      args: ["--state", file("none.json", "{}"), "--pool", "x"],
      want: /has no "pools": save a state with curl/,
    },
    {
      name: "a file that is not JSON",
      args: ["--state", file("bad.json", "{"), "--pool", "x"],
      want: /can't be read as a state/,
    },
    {
      name: "no sidecar",
      args: ["--admin", "127.0.0.1:1", "--pool", "x"],
      want: /start one with `umbra up`/,
    },
    { name: "no pool", args: [], want: /--pool/ },
  ])("gives advice: $name", async ({ args, want }) => {
    const { status, stderr } = await run(...args);
    expect(status).toBeGreaterThan(0);
    expect(stderr).toMatch(want);
  });

  test("a wrong EndpointPickerConfig is reported with its place", async () => {
    const files = file(
      "wrong.yaml",
      resources(tree.replace("decision-tree-profile}]\nsch", "decision-tree}]\nsch")),
    );
    const { status, stderr } = await run("--state", state, "-f", files, "--pool", "llama");
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /wrong\.yaml:\d+:\d+ error UMB0211 `plugins\[0\]\.type` is not a plugin that Umbra knows; known plugins are .*decision-tree-profile/,
    );
  });
});
