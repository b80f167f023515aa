import { isJsonObject, textOf } from "../objects/json.ts";
import { groupPathOf, type WatchedKind } from "../objects/watched-kind.ts";
import type { ApiClient } from "./api-client.ts";

/**
 * Whether the API server still takes new objects of a kind. While a CRD is being deleted, its objects are deleted one
 * by one, and the API server no longer offers to create any: that tells these deletions from a user's.
 *
 * @throws KubernetesError
 */
export async function takesNewObjects(
  client: ApiClient,
  kind: WatchedKind,
  signal: AbortSignal,
): Promise<boolean> {
  const { resources } = await client.request({ method: "GET", path: groupPathOf(kind), signal });
  if (!Array.isArray(resources)) return false;
  const resource = resources
    .filter(isJsonObject)
    .find((each) => textOf(each, "name") === kind.plural);
  const verbs = resource?.verbs;
  return Array.isArray(verbs) && verbs.includes("create");
}
