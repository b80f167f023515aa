import { isDeepStrictEqual } from "node:util";
import { type ApiClient, isKubernetesError, type JsonObject } from "@umbra/kubernetes";
import { pathOf, pluralOf } from "./api-path.ts";
import type { Manifest } from "./manifests.ts";

/** What a cluster has of an object. `unknown`: there is no right to read it. */
export type ObjectState = "there" | "differs" | "missing" | "unknown";

export interface CheckedObject {
  readonly manifest: Manifest;
  readonly state: ObjectState;
  /** Why it can't be applied by this account, or as it is: sentences for people. */
  readonly problems: readonly string[];
}

/**
 * Compares manifests with what an API server has, and tries to apply each: the API server says what it would do, and
 * changes nothing. Throws KubernetesError if the API server can't be asked.
 */
export async function checkCluster(
  client: ApiClient,
  manifests: readonly Manifest[],
): Promise<readonly CheckedObject[]> {
  const checked: CheckedObject[] = [];
  const absent = new Set<string>();
  for (const manifest of manifests) {
    const found = await checkObject(client, manifest, absent);
    if (manifest.kind === "Namespace" && found.state === "missing") {
      absent.add(manifest.metadata.name);
    }
    checked.push(found);
  }
  return checked;
}

async function checkObject(
  client: ApiClient,
  manifest: Manifest,
  absentNamespaces: ReadonlySet<string>,
): Promise<CheckedObject> {
  const held = await read(client, manifest);
  if (held instanceof Error) {
    // A proxy between the API server and this command may refuse it too.
    const why = (await missingRight(client, manifest, "get")) || held.message;
    return { manifest, state: "unknown", problems: [why] };
  }
  const isMissing = held === "missing";
  const verbs = isMissing ? (["create", "patch"] as const) : (["patch"] as const);
  const rights = await Promise.all(verbs.map((verb) => missingRight(client, manifest, verb)));
  const missing = rights.filter((words) => words !== "");
  const state = isMissing ? "missing" : "differs";
  if (missing.length > 0) return { manifest, state, problems: missing };
  // Nothing can be tried in a namespace that does not exist.
  if (absentNamespaces.has(manifest.metadata.namespace ?? "")) {
    return { manifest, state, problems: [] };
  }
  const tried = await tryToApply(client, manifest);
  if (typeof tried === "string") return { manifest, state, problems: [tried] };
  const isSame = !isMissing && isDeepStrictEqual(contentOf(held), contentOf(tried));
  return { manifest, state: isSame ? "there" : state, problems: [] };
}

/** An error says why it may not be read. */
async function read(
  client: ApiClient,
  manifest: Manifest,
): Promise<JsonObject | "missing" | Error> {
  try {
    return await client.request({ method: "GET", path: pathOf(manifest) });
  } catch (cause) {
    const status = statusOf(cause);
    if (status === 404) return "missing";
    if (status === 403) return cause as Error;
    throw cause;
  }
}

/** The object as it would be; or why it can't be applied. */
async function tryToApply(client: ApiClient, manifest: Manifest): Promise<JsonObject | string> {
  try {
    return await client.request({
      method: "PATCH",
      path: pathOf(manifest),
      query: {
        dryRun: "All",
        fieldManager: "umbra-install",
        force: "true",
        fieldValidation: "Strict",
      },
      contentType: "application/apply-patch+yaml",
      body: manifest,
    });
  } catch (cause) {
    const status = statusOf(cause);
    if (status === undefined) throw cause;
    if (status === 404) return `the cluster has no definition of ${kindOf(manifest)}`;
    return (cause as Error).message;
  }
}

/** Empty if the account may do it. */
async function missingRight(client: ApiClient, manifest: Manifest, verb: string): Promise<string> {
  const { namespace, name } = manifest.metadata;
  const [group] = groupAndVersion(manifest);
  const resource = pluralOf(manifest.kind);
  const { status } = await client.request({
    method: "POST",
    path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    body: {
      ...{ apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview" },
      spec: {
        resourceAttributes: { group, resource, verb, name, ...(namespace && { namespace }) },
      },
    },
  });
  if ((status as { readonly allowed?: unknown } | undefined)?.allowed === true) return "";
  const where = namespace === undefined ? "the cluster" : `namespace "${namespace}"`;
  const what = group === "" ? resource : `${resource}.${group}`;
  return `this account has no right to ${verb} ${what} in ${where}`;
}

function groupAndVersion({ apiVersion }: Manifest): readonly [group: string, version: string] {
  const [group = "", version] = apiVersion.split("/");
  return version === undefined ? ["", group] : [group, version];
}

function kindOf({ kind, apiVersion }: Manifest): string {
  return `${kind} (${apiVersion})`;
}

/** What a user has written, without what the API server keeps. */
function contentOf(object: JsonObject): object {
  const { status: _status, metadata, ...rest } = object;
  const { managedFields: _, resourceVersion, generation, ...own } = (metadata ?? {}) as JsonObject;
  return { ...rest, metadata: own };
}

function statusOf(cause: unknown): number | undefined {
  return isKubernetesError(cause) ? cause.status : undefined;
}
