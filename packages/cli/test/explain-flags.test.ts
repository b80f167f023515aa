import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Io } from "@umbra/cli";
import { explainCommand } from "../src/commands/explain.ts";
import { describeFlags, type FlagRow } from "./flag-rows.ts";
import { llamaRoute } from "./llama-route.ts";

const folder = mkdtempSync(join(tmpdir(), "umbra-test-"));
function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const fresh = (waitingRequests: number) => ({
  kind: "fresh",
  metrics: { waitingRequests, runningRequests: 0, kvCacheUsage: 0.1, activeAdapters: [] },
});
const llama = {
  name: "default/llama",
  endpoints: [
    { address: "10.0.0.1:8000", metrics: fresh(6) },
    { address: "10.0.0.2:8000", metrics: fresh(0) },
  ],
};
const state = file("state.json", JSON.stringify({ pools: [llama] }));
const busier = { ...llama, endpoints: [{ address: "10.0.0.1:8000", metrics: fresh(9) }] };
const otherState = file("other-state.json", JSON.stringify({ pools: [busier] }));
const resources = file(
  "resources.yaml",
  `${llamaRoute}apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: llama, annotations: {umbra.dev/endpoints: "10.0.0.1:8000"}}
spec: {selector: {matchLabels: {app: llama}}, targetPorts: [{number: 8000}]}
---
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
metadata: {name: llama}
plugins: [{type: decision-tree-profile}]
schedulingProfiles: [{plugins: [{pluginRef: decision-tree-profile}]}]
`,
);

const stateBase = ["--pool", "llama", "--state", state, "-o", "json"];
const nobody = "127.0.0.1:1";

const rows: Readonly<Record<string, FlagRow>> = {
  "--pool": {
    base: ["--state", state],
    works: [
      ["--pool", "llama"],
      ["--pool", "default/llama"],
    ],
    refused: [
      [[], /--pool/],
      [["--pool", "lama"], /lama/],
    ],
  },
  "--model": { works: [["--model", "sql-lora"]], refused: [] },
  "--session": { works: [["--session", "s"]], refused: [] },
  "--prompt-tokens": {
    works: [["--prompt-tokens", "1000"]],
    refused: [
      [["--prompt-tokens", "some"], /--prompt-tokens takes a number/],
      [["--prompt-tokens", "1.5"], /--prompt-tokens takes a/],
    ],
  },
  "--priority": {
    works: [["--priority", "-1"]],
    refused: [[["--priority", "high"], /--priority takes a number/]],
  },
  "--admin": {
    base: ["--pool", "llama"],
    works: [["--admin", nobody]],
    refused: [
      [["--admin", "somewhere"], /somewhere/],
      [["--admin", nobody], /no answer from a sidecar at http:\/\/127\.0\.0\.1:1.*umbra up/],
    ],
  },
  "--state": {
    base: ["--pool", "llama", "-o", "json"],
    works: [
      ["--state", state],
      ["--state", otherState],
    ],
    refused: [
      [["--state", join(folder, "absent.json")], /can't be read as a state/],
      [["--state", state, "--admin", nobody], /not both/],
    ],
  },
  "--file": {
    works: [["--file", resources]],
    refused: [[["--file", join(folder, "absent.yaml")], /there is no file or folder/]],
  },
  "--output": {
    base: ["--pool", "llama", "--state", state],
    works: [["--output", "json"]],
    refused: [[["--output", "xml"], /table, json/]],
  },
};

const io = { stdout() {}, stderr() {}, env: {} } as unknown as Io;
describeFlags(explainCommand(io), rows, stateBase);
