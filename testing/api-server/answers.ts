import type { Target } from "./request-target.ts";
import type { StoredObject, StoredResource } from "./scripted-store.ts";

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export function refusal(status: number, message: string): Answer {
  return {
    status,
    body: { kind: "Status", apiVersion: "v1", status: "Failure", code: status, message },
  };
}

/** What discovery has about a group and version. */
export function discover(
  resources: ReadonlyMap<string, StoredResource>,
  groupPath: string,
): Answer {
  const found = [...resources].filter(([path]) => path.startsWith(`${groupPath}/`));
  if (found.length === 0) return refusal(404, "the server has no such group");
  const list = found.map(([, { kind, isLeaving }]) => ({
    name: kind.plural,
    verbs: ["delete", "get", "list", "watch", ...(isLeaving ? [] : ["create", "patch", "update"])],
  }));
  return { status: 200, body: { kind: "APIResourceList", resources: list } };
}

export function listAnswer(resource: StoredResource, { query, namespace }: Target): Answer {
  const objects = resource.list(namespace);
  const from = Number(query.continue ?? 0);
  const to = from + Number(query.limit ?? objects.length);
  const next = to < objects.length ? { continue: String(to) } : {};
  const body = {
    kind: `${resource.kind.kind}List`,
    metadata: { resourceVersion: String(resource.revision), ...next },
    items: objects.slice(from, to),
  };
  return { status: 200, body };
}

/** Creates, reads, changes or deletes one object. */
export function objectAnswer(resource: StoredResource, target: Target, body: string): Answer {
  const { namespace = "", name = "", verb } = target;
  if (verb === "create") return create(resource, namespace, JSON.parse(body) as StoredObject);
  const old = resource.get(namespace, name);
  if (old === undefined) return refusal(404, `${target.plural} "${name}" not found`);
  if (verb === "get") return { status: 200, body: old };
  if (verb === "delete") {
    resource.remove(namespace, name);
    return { status: 200, body: { kind: "Status", status: "Success" } };
  }
  const next = verb === "update" ? (JSON.parse(body) as StoredObject) : patched(old, body);
  const wanted = next.metadata.resourceVersion;
  if (wanted !== undefined && wanted !== old.metadata.resourceVersion) {
    return refusal(409, "the object has been modified");
  }
  const written = target.isStatus ? { ...old, status: next.status } : next;
  return { status: 200, body: resource.put(written) };
}

function create(resource: StoredResource, namespace: string, given: StoredObject): Answer {
  if (resource.get(namespace, given.metadata.name) !== undefined) {
    return refusal(409, `"${given.metadata.name}" already exists`);
  }
  const place = namespace === "" ? {} : { namespace };
  return {
    status: 201,
    body: resource.put({ ...given, metadata: { ...given.metadata, ...place } }),
  };
}

/** A JSON patch whose operations replace `/status` or `/metadata/resourceVersion`: all that is needed. */
function patched(old: StoredObject, body: string): StoredObject {
  const operations = JSON.parse(body) as { path: string; value: unknown }[];
  const replacedAt = (path: string): unknown =>
    operations.find((each) => each.path === path)?.value;
  const resourceVersion = replacedAt("/metadata/resourceVersion") ?? old.metadata.resourceVersion;
  return {
    ...old,
    metadata: { ...old.metadata, resourceVersion: String(resourceVersion) },
    status: replacedAt("/status"),
  };
}
