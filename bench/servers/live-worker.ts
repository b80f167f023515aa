// The thread of the live sidecar that watches a folder of resources: reads it, renders and encodes what Envoy gets.
import { readdirSync, readFileSync, watch } from "node:fs";
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { readTopology, renderResources } from "@umbra/envoy-config";
import { encodeResource, type Kind, kinds, type Resource } from "@umbra/xds";
import type { LiveSettings, ResolvedFolder } from "./live-sidecar.ts";

const quietMs = 5;
const { folder, sidecar, envoyAdmin } = workerData as LiveSettings;
const encoded = new Map<string, { readonly text: string; readonly resource: Resource }>();

function resolve(): void {
  const changedAtMs = Date.now();
  const names = readdirSync(folder).toSorted();
  const files = names.map((name) => ({ name, text: readFileSync(join(folder, name), "utf8") }));
  const { topology, certificates, diagnostics } = readTopology(files, { bindAddress: "127.0.0.1" });
  const wrong = diagnostics.find(({ severity }) => severity === "error");
  if (wrong !== undefined) throw new Error(JSON.stringify(wrong));
  const rendered = renderResources(topology, { sidecar, envoyAdmin, certificates });
  const resources: Partial<Record<Kind, readonly Resource[]>> = {};
  for (const kind of kinds) {
    const given = kind === "ecds" ? [] : [...rendered[kind]];
    resources[kind] = given.map(([name, json]) => encodedOnce(kind, name, json));
  }
  const resolved: ResolvedFolder = { topology, resources, changedAtMs };
  parentPort?.postMessage(resolved);
}

/** Encodes what has changed. */
function encodedOnce(kind: Kind, name: string, json: unknown) {
  const key = `${kind} ${name}`;
  const text = JSON.stringify(json);
  const held = encoded.get(key);
  if (held?.text === text) return held.resource;
  const resource = encodeResource(kind, name, json);
  encoded.set(key, { text, resource });
  return resource;
}

let isDue = false;
watch(folder, () => {
  if (isDue) return;
  isDue = true;
  setTimeout(() => {
    isDue = false;
    resolve();
  }, quietMs);
});
resolve();
