import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ApiClient, JsonObject } from "@umbra/kubernetes";
import { parseAllDocuments } from "yaml";
import { until } from "../harness/until.ts";

const collection = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/** Creates the CustomResourceDefinitions of some folders, and waits until they are served. */
export async function installDefinitions(
  client: ApiClient,
  folders: readonly string[],
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
