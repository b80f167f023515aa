import {
  type ApiClient,
  isKubernetesError,
  type JsonObject,
  type WatchedKind,
} from "@umbra/kubernetes";

export const configMaps: WatchedKind = {
  group: "",
  version: "v1",
  plural: "configmaps",
  kind: "ConfigMap",
  isNamespaced: true,
  namespaces: ["default"],
};

export const widgets: WatchedKind = {
  group: "test.umbra.dev",
  version: "v1",
  plural: "widgets",
  kind: "Widget",
  isNamespaced: true,
};

const widgetCrd = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "widgets.test.umbra.dev" },
  spec: {
    group: "test.umbra.dev",
    scope: "Namespaced",
    names: { plural: "widgets", singular: "widget", kind: "Widget" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
        },
      },
    ],
  },
};

const crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

export async function createCrd(client: ApiClient): Promise<void> {
  await client.request({ method: "POST", path: crds, body: widgetCrd });
}

/** Nothing happens when it is not there. */
export async function deleteCrd(client: ApiClient): Promise<void> {
  const path = `${crds}/${widgetCrd.metadata.name}`;
  try {
    await client.request({ method: "DELETE", path });
  } catch (cause) {
    if (!isKubernetesError(cause) || cause.status !== 404) throw cause;
  }
}

/** Path of objects of namespace "default". */
function pathOf({ group, version, plural }: WatchedKind, name?: string): string {
  const base = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  return `${base}/namespaces/default/${plural}${name === undefined ? "" : `/${name}`}`;
}

export async function create(
  client: ApiClient,
  kind: WatchedKind,
  name: string,
  fields: JsonObject = {},
): Promise<JsonObject> {
  const apiVersion = kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
  const body = { apiVersion, kind: kind.kind, metadata: { name }, ...fields };
  return client.request({ method: "POST", path: pathOf(kind), body });
}

export async function remove(client: ApiClient, kind: WatchedKind, name: string): Promise<void> {
  await client.request({ method: "DELETE", path: pathOf(kind, name) });
}

export async function change(client: ApiClient, kind: WatchedKind, name: string): Promise<void> {
  await client.request({
    method: "PATCH",
    path: pathOf(kind, name),
    contentType: "application/merge-patch+json",
    body: { metadata: { labels: { changed: String(Math.random()).slice(2) } } },
  });
}

/** Each object's version by name, as a fresh list has it. */
export async function listed(
  client: ApiClient,
  kind: WatchedKind,
): Promise<Record<string, string>> {
  const { items } = await client.request({ method: "GET", path: pathOf(kind) });
  return versionsOf(items as unknown as readonly JsonObject[]);
}

export function versionsOf(objects: readonly JsonObject[]): Record<string, string> {
  const entries = objects.map(({ metadata }) => {
    const { name, resourceVersion } = metadata as Record<string, string>;
    return [name ?? "", resourceVersion ?? ""] as const;
  });
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
