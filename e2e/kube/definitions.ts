import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ApiClient, JsonObject } from "@umbra/kubernetes";
import { parseAllDocuments } from "yaml";
import { until } from "../harness/until.ts";

const collection = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/** Folders with CustomResourceDefinitions in Go modules, which is where their projects publish them. */
const modules = [
  ["sigs.k8s.io/gateway-api@v1.6.3", "config/crd/standard"],
  ["sigs.k8s.io/gateway-api-inference-extension@v1.6.0", "config/crd/bases"],
  // InferenceModel, and InferencePool as it was before v1.
  ["sigs.k8s.io/gateway-api-inference-extension@v0.5.1", "config/crd/bases"],
] as const;

const own = fileURLToPath(new URL("../../deploy/crds", import.meta.url));

/** The folders of all CustomResourceDefinitions that Umbra reads. Throws when a Go module can't be had. */
function definitionFolders(): readonly string[] {
  return [...modules.map(([module, folder]) => join(moduleFolder(module), folder)), own];
}

/** The folder of the definitions of the Prometheus Operator. Throws when its Go module can't be had. */
export function monitoringFolder(): string {
  const module = "github.com/prometheus-operator/prometheus-operator@v0.88.0";
  return join(moduleFolder(module), "example/prometheus-operator-crd");
}

/** The folder of a Go module, which is downloaded if it is not there. Throws when it can't be had. */
export function moduleFolder(module: string): string {
  const { status, stdout, stderr } = spawnSync("go", ["mod", "download", "-json", module], {
    encoding: "utf8",
    env: { ...process.env, GOFLAGS: "-mod=mod" },
  });
  const { Dir } = (status === 0 ? JSON.parse(stdout) : {}) as { readonly Dir?: string };
  if (Dir === undefined) throw new Error(`go mod download ${module}: ${stdout}${stderr}`);
  return Dir;
}

/** Creates the CustomResourceDefinitions of some folders, and waits until they are served. */
export async function installDefinitions(
  client: ApiClient,
  folders: readonly string[] = definitionFolders(),
): Promise<void> {
  const definitions = folders.flatMap(definitionsOf);
  for (const body of definitions) await client.request({ method: "POST", path: collection, body });
  const names = definitions.map(({ metadata }) => (metadata as { readonly name: string }).name);
  const areServed = async (): Promise<boolean> => {
    const { items } = await client.request({ method: "GET", path: collection, maxBytes: 64 << 20 });
    const served = (items as unknown as readonly Definition[]).filter(isServed);
    return names.every((name) => served.some(({ metadata }) => metadata.name === name));
  };
  await until("the definitions are served", areServed, 60_000);
}

interface Definition {
  readonly metadata: { readonly name: string };
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

function isServed({ status }: Definition): boolean {
  const established = status?.conditions?.find(({ type }) => type === "Established");
  return established?.status === "True";
}

function definitionsOf(folder: string): readonly JsonObject[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".yaml"))
    .flatMap((name) => parseAllDocuments(readFileSync(join(folder, name), "utf8")))
    .map((document) => document.toJS() as JsonObject | null)
    .filter((object) => object?.kind === "CustomResourceDefinition") as readonly JsonObject[];
}
