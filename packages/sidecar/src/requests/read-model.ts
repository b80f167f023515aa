import type { Headers } from "@umbra/ext-proc";
import {
  invalidModel,
  isForm,
  isModelName,
  missingModel,
  needsModel,
  type ReadRequest,
  type RefusedRequest,
  readRequest,
} from "@umbra/openai";
import type { ServedPool } from "../pools/served-pool.ts";

const unread: ReadRequest = {
  ok: true,
  model: undefined,
  isStream: false,
  fields: new Map<string, never>(),
};

/** Reads the model if the filter sends no body or only part of it. Without a model, the pick only uses load. */
export function modelOfHeaders(headers: Headers, pool: ServedPool): ReadRequest | RefusedRequest {
  const { modelHeader, onlyModel } = pool;
  const named = modelHeader === undefined ? undefined : headers.get(modelHeader);
  const model = named ?? onlyModel;
  if (model === undefined) return unread;
  return isModelName(model) ? { ...unread, model } : invalidModel;
}

/**
 * Reads a request with its body. A request without a model gets the pool's only model. If all endpoints have the same
 * base models, it is forwarded without a model, and the endpoint uses its own.
 *
 * @param path the endpoint's path @param isCopy true for a twin: without a model it is forwarded unchanged, and the
 * shadow's own model serves it
 */
export function readModel(
  headers: Headers,
  path: string,
  body: Uint8Array | undefined,
  pool: ServedPool,
  isCopy: boolean,
): ReadRequest | RefusedRequest {
  const isNeeded = headers.get(":method") === "POST" && needsModel(path);
  const type = headers.get("content-type") ?? "";
  if (!isNeeded && !isForm(type) && !isJson(type)) return unread;
  const read = readRequest(body, type);
  if (!isNeeded) return read.ok && read.model !== undefined ? read : unread;
  if (!read.ok || read.model !== undefined) return read;
  const model = onlyModelOf(pool);
  if (model !== undefined) return { ...read, model };
  return isCopy || pool.served.hasOneBase ? read : missingModel;
}

function isJson(contentType: string): boolean {
  return /^application\/json\b/i.test(contentType);
}

/** The model from the annotation, else the endpoints' only base model, else the only InferenceModel's. */
function onlyModelOf({ onlyModel, served, listedModels }: ServedPool): string | undefined {
  const isAnnotated = onlyModel !== undefined && !listedModels.has(onlyModel);
  if (isAnnotated || served.base.size !== 1) return onlyModel;
  const [base] = served.base;
  return base;
}

/** True if the pool serves the model: if InferenceModels list names, they or the endpoints must know it. */
export function isServed({ listedModels, served }: ServedPool, model: string): boolean {
  if (listedModels.size === 0 || listedModels.has(model) || served.has(model)) return true;
  // An endpoint with an unknown list may serve it, and otherwise answers 404 itself.
  return served.hasUnread();
}

/** The length that was read, else the declared length. */
export function lengthOf(headers: Headers, body: Uint8Array | undefined): number {
  if (body !== undefined) return body.length;
  const declared = Number(headers.get("content-length") ?? 0);
  return Number.isSafeInteger(declared) && declared > 0 ? declared : 0;
}

/** Removes the query. */
export function pathOf(headers: Headers): string {
  const path = headers.get(":path") ?? "/";
  const query = path.indexOf("?");
  return query < 0 ? path : path.slice(0, query);
}
