import { isDeepStrictEqual } from "node:util";
import type { ApiClient } from "../api/api-client.ts";
import { isKubernetesError } from "../api/kubernetes-error.ts";
import { type JsonObject, objectOf, textOf } from "../objects/json.ts";
import { listPathOf, type WatchedKind } from "../objects/watched-kind.ts";
import { pause } from "../watch/reachability.ts";

export interface PatchStatusOptions {
  readonly client: ApiClient;
  readonly kind: Pick<WatchedKind, "group" | "version" | "plural" | "kind" | "isNamespaced">;
  /** Absent for a kind without namespaces. */
  readonly namespace?: string;
  readonly name: string;
  /**
   * The status to write, made from the object as it is now, so that what others wrote in it is kept. May be called again
   * after a conflict. Undefined: write nothing.
   */
  readonly change: (object: JsonObject) => JsonObject | undefined;
  /** Milliseconds for which this process may write, as `LeaseHolder.remainingMs`; 0: not at all. Default: always. */
  readonly remainingMs?: () => number;
  readonly signal?: AbortSignal;
}

/** What became of a status. */
export type PatchOutcome =
  | "written"
  /** It was so already. */
  | "unchanged"
  /** The object is gone. */
  | "gone"
  /** This process may not write. */
  | "not-holder"
  /** Others wrote each time between reading and writing. */
  | "conflict";

const attempts = 5;

/**
 * Changes an object's status: reads it, lets `change` make the new one, and writes that only if no one else has written
 * meanwhile. Writes nothing when nothing changes.
 *
 * @throws KubernetesError when the API server refuses or does not answer
 */
export async function patchStatus(options: PatchStatusOptions): Promise<PatchOutcome> {
  const signal = options.signal ?? new AbortController().signal;
  for (let attempt = 0; attempt < attempts; attempt++) {
    // Writers that met in a conflict should not meet again.
    if (attempt > 0) await pause(20 * 2 ** attempt * (0.5 + Math.random()), signal);
    const outcome = await tryPatch(options, signal);
    if (outcome !== "conflict") return outcome;
  }
  return "conflict";
}

async function tryPatch(options: PatchStatusOptions, signal: AbortSignal): Promise<PatchOutcome> {
  const { client, kind, namespace, name, change, remainingMs } = options;
  const scope = { kind, ...(namespace === undefined ? {} : { namespace }) };
  const path = `${listPathOf(scope)}/${encodeURIComponent(name)}`;
  try {
    const object = await client.request({ method: "GET", path, signal });
    const status = change(object);
    if (status === undefined || isDeepStrictEqual(status, object.status)) return "unchanged";
    const leftMs = remainingMs?.() ?? Number.POSITIVE_INFINITY;
    if (leftMs <= 0) return "not-holder";
    await client.request({
      method: "PATCH",
      path: `${path}/status`,
      contentType: "application/json-patch+json",
      body: operationsOf(object, status),
      signal,
      timeoutMs: Math.min(leftMs, 15_000),
    });
    return "written";
  } catch (cause) {
    if (!isKubernetesError(cause)) throw cause;
    if (cause.status === 404) return "gone";
    if (cause.status === 409) return "conflict";
    throw cause;
  }
}

/** With its resourceVersion in it, a patch of an object that has changed meanwhile is a conflict. */
function operationsOf(object: JsonObject, status: JsonObject): readonly JsonObject[] {
  const value = textOf(objectOf(object, "metadata"), "resourceVersion");
  return [
    { op: "replace", path: "/metadata/resourceVersion", value },
    { op: "add", path: "/status", value: status },
  ];
}
