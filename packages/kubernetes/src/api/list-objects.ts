import { type HeldObject, readObject } from "../objects/held-object.ts";
import { isJsonObject, objectOf, textOf } from "../objects/json.ts";
import { listPathOf, type Scope } from "../objects/watched-kind.ts";
import type { ApiClient } from "./api-client.ts";
import { isKubernetesError, KubernetesError } from "./kubernetes-error.ts";

/** What bounds a list. */
export interface ListLimits {
  /** Objects of a page. A page that is too large is asked for again with fewer. */
  readonly pageObjects: number;
  readonly maxPageBytes: number;
  readonly maxObjects: number;
}

export const defaultListLimits: ListLimits = {
  pageObjects: 250,
  maxPageBytes: 8 * 1024 * 1024,
  maxObjects: 100_000,
};

export interface ObjectList {
  readonly objects: readonly HeldObject[];
  /** Where a watch continues from this list. */
  readonly resourceVersion: string;
}

export interface ListOptions {
  readonly limits: ListLimits;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** Called for each answer, so that a long list counts as contact. */
  readonly onPage?: () => void;
}

/**
 * All objects of a scope, page by page. No page is larger than `maxPageBytes`, so that a list of any size costs no more
 * memory at once than what is kept of it.
 *
 * @throws KubernetesError
 */
export async function listObjects(
  client: ApiClient,
  scope: Scope,
  options: ListOptions,
): Promise<ObjectList> {
  const { limits } = options;
  const objects: HeldObject[] = [];
  let limit = limits.pageObjects;
  let next = "";
  for (;;) {
    const page = await readPage(client, scope, { ...options, limit, next });
    if (page === undefined) {
      limit = Math.max(1, Math.floor(limit / 4));
      continue;
    }
    options.onPage?.();
    for (const object of page.objects) objects.push(object);
    if (objects.length > limits.maxObjects) throw tooMany(scope, limits.maxObjects);
    if (page.next === "") return { objects, resourceVersion: page.resourceVersion };
    next = page.next;
  }
}

/** Query parameters that choose a scope's objects. */
export function selectorsOf({ kind }: Scope): Record<string, string> {
  return {
    ...(kind.labelSelector === undefined ? {} : { labelSelector: kind.labelSelector }),
    ...(kind.fieldSelector === undefined ? {} : { fieldSelector: kind.fieldSelector }),
  };
}

interface PageRequest extends ListOptions {
  readonly limit: number;
  /** The API server's `continue` token. */
  readonly next: string;
}

interface Page extends ObjectList {
  readonly next: string;
}

/** One page; undefined when it is too large and a smaller one can be asked for. */
async function readPage(
  client: ApiClient,
  scope: Scope,
  { limits, signal, timeoutMs, limit, next }: PageRequest,
): Promise<Page | undefined> {
  try {
    const json = await client.request({
      method: "GET",
      path: listPathOf(scope),
      query: {
        limit: String(limit),
        ...(next === "" ? {} : { continue: next }),
        ...selectorsOf(scope),
      },
      signal,
      timeoutMs,
      maxBytes: limits.maxPageBytes,
    });
    const metadata = objectOf(json, "metadata");
    const { items } = json;
    const resourceVersion = textOf(metadata, "resourceVersion");
    if (!(Array.isArray(items) || items === null) || resourceVersion === "") throw noList(scope);
    const objects = (items ?? []).flatMap((item: unknown) => {
      const object = isJsonObject(item) ? readObject(item, scope.kind) : undefined;
      return object === undefined || object.isUnwanted ? [] : [object];
    });
    return { objects, resourceVersion, next: textOf(metadata, "continue") };
  } catch (cause) {
    if (isKubernetesError(cause) && cause.code === "TOO_LARGE" && limit > 1) return undefined;
    throw cause;
  }
}

function noList(scope: Scope): KubernetesError {
  return new KubernetesError(
    "INVALID_ANSWER",
    `GET ${listPathOf(scope)}: the answer is not a list`,
  );
}

function tooMany(scope: Scope, maxObjects: number): KubernetesError {
  return new KubernetesError(
    "TOO_LARGE",
    `GET ${listPathOf(scope)}: more than ${maxObjects} objects; follow fewer namespaces or use a selector`,
  );
}
