import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "@jest/globals";
import type { Io } from "@umbra/cli";
import { parse } from "yaml";
import { ScriptedApiServer } from "../../../testing/api-server/scripted-api-server.ts";
import type { StoredObject } from "../../../testing/api-server/scripted-store.ts";
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

/** A model of the pool in the namespace "default" of a scripted API server; nothing in "a". */
const api = new ScriptedApiServer();
await api.start();
afterAll(() => api.stop());
api
  .install({
    ...{ group: "inference.networking.k8s.io", version: "v1", isNamespaced: true },
    ...{ plural: "inferencepools", kind: "InferencePool" },
  })
  .put(
    parse(`
metadata: { name: llama, namespace: default }
spec: { selector: { matchLabels: { app: llama } }, targetPorts: [{ number: 8000 }] }
`) as StoredObject,
  );
api
  .install({
    ...{ group: "inference.networking.x-k8s.io", version: "v1alpha2", isNamespaced: true },
    ...{ plural: "inferencemodels", kind: "InferenceModel" },
  })
  .put(
    parse(`
metadata: { name: cheap, namespace: default }
spec: { modelName: cheap, criticality: Sheddable, poolRef: { name: llama } }
`) as StoredObject,
  );
const kubeconfigOf = (namespace: string) =>
  file(
    `kubeconfig-${namespace}`,
    JSON.stringify({
      "current-context": "here",
      clusters: [{ name: "c", cluster: { server: api.url } }],
      contexts: [{ name: "here", context: { cluster: "c", namespace } }],
    }),
  );

const stateBase = ["--pool", "llama", "--state", state, "-o", "json"];
const cheapBase = [...stateBase, "--model", "cheap"];
const withKube = [...cheapBase, "--kube", "--kubeconfig", kubeconfigOf("a")];
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
      [["--prompt-tokens", "some"], /--prompt-tokens expects a number/],
      [["--prompt-tokens", "1.5"], /--prompt-tokens expects a/],
    ],
  },
  "--priority": {
    works: [["--priority", "-1"]],
    refused: [[["--priority", "high"], /--priority expects a number/]],
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
  "--kube": {
    base: cheapBase,
    works: [["--kube", "--kubeconfig", kubeconfigOf("default")]],
    refused: [],
  },
  "--kubeconfig": {
    base: withKube,
    works: [["--kubeconfig", kubeconfigOf("default")]],
    refused: [[["--kubeconfig", join(folder, "none")], /none/]],
  },
  "--namespace": {
    base: withKube,
    works: [["--namespace", "default"]],
    refused: [[["--namespace", "A/B"], /a namespace's name/]],
  },
  "--all-namespaces": {
    base: withKube,
    works: [["--all-namespaces"]],
    refused: [[["--all-namespaces", "--namespace", "a"], /not both/]],
  },
  "--output": {
    base: ["--pool", "llama", "--state", state],
    works: [["--output", "json"]],
    refused: [[["--output", "xml"], /table, json/]],
  },
};

const io = { stdout() {}, stderr() {}, env: {} } as unknown as Io;
describeFlags(explainCommand(io), rows, stateBase);
