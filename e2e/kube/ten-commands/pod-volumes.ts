import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ApiClient, JsonObject } from "@umbra/kubernetes";
import type { KeyPath, Pod, ProjectedSource, Volume } from "../../conformance/workloads.ts";

export interface PodVolumesOptions {
  readonly client: ApiClient;
  /** Where the volumes of all pods go. */
  readonly folder: string;
  /** Certificate of the API server, in PEM: no controller publishes it as `kube-root-ca.crt`. */
  readonly authority: string;
}

/** Fills the volumes of a pod as a kubelet does; returns the folder of each, by its name. */
export async function writeVolumes(
  pod: Pod,
  options: PodVolumesOptions,
): Promise<ReadonlyMap<string, string>> {
  const folders = new Map<string, string>();
  for (const volume of pod.spec.volumes ?? []) {
    const folder = join(options.folder, pod.metadata.uid, volume.name);
    mkdirSync(folder, { recursive: true });
    folders.set(volume.name, folder);
    for (const [path, content] of await filesOf(volume, pod, options)) {
      const file = join(folder, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content, { mode: 0o600 });
    }
  }
  return folders;
}

type Files = readonly (readonly [path: string, content: Buffer | string])[];

async function filesOf(volume: Volume, pod: Pod, options: PodVolumesOptions): Promise<Files> {
  const { secret, configMap, projected } = volume;
  const { namespace } = pod.metadata;
  const { client } = options;
  if (secret !== undefined) {
    const data = await dataOf(
      client,
      `/api/v1/namespaces/${namespace}/secrets/${secret.secretName}`,
    );
    return chosen(data, secret.items).map(([path, text]) => [path, Buffer.from(text, "base64")]);
  }
  if (configMap !== undefined) {
    return Object.entries(
      await dataOf(client, `/api/v1/namespaces/${namespace}/configmaps/${configMap.name}`),
    );
  }
  const sources = projected?.sources ?? [];
  return (await Promise.all(sources.map((source) => projectedFiles(source, pod, options)))).flat();
}

async function projectedFiles(
  { serviceAccountToken, configMap, downwardAPI }: ProjectedSource,
  { metadata, spec }: Pod,
  { client, authority }: PodVolumesOptions,
): Promise<Files> {
  const { namespace } = metadata;
  if (serviceAccountToken !== undefined) {
    const { status } = await client.request({
      method: "POST",
      path: `/api/v1/namespaces/${namespace}/serviceaccounts/${spec.serviceAccountName}/token`,
      body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} },
    });
    return [[serviceAccountToken.path, (status as { readonly token: string }).token]];
  }
  if (configMap?.name === "kube-root-ca.crt") {
    return chosen({ "ca.crt": authority }, configMap.items);
  }
  const paths = (downwardAPI?.items ?? []).filter(
    ({ fieldRef }) => fieldRef.fieldPath === "metadata.namespace",
  );
  return paths.map(({ path }) => [path, namespace]);
}

type Data = Readonly<Record<string, string>>;

async function dataOf(client: ApiClient, path: string): Promise<Data> {
  const { data } = (await client.request({ method: "GET", path })) as JsonObject & {
    readonly data?: unknown;
  };
  return (data ?? {}) as Data;
}

function chosen(data: Data, items: readonly KeyPath[] | undefined): [string, string][] {
  const wanted = items ?? Object.keys(data).map((key) => ({ key, path: key }));
  return wanted.map(({ key, path }) => [path, data[key] ?? ""]);
}
