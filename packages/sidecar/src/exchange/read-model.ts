import type { Headers } from "@umbra/ext-proc";
import { setField } from "../openai/edit-json.ts";
import { readFormField } from "../openai/multipart.ts";
import {
  invalidModel,
  isModelName,
  missingModel,
  type RequestBody,
  type RequestFields,
  readRequestBody,
} from "../openai/read-request.ts";
import type { ServedPool } from "./pool-registry.ts";

/** Paths whose body must name a model; on others a model is read if there is one. */
const modelPaths: ReadonlySet<string> = new Set([
  "/v1/chat/completions",
  "/v1/completions",
  "/v1/embeddings",
  "/v1/responses",
  "/v1/messages",
  "/v1/rerank",
  "/v1/score",
  "/v1/audio/speech",
  "/v1/audio/transcriptions",
  "/v1/audio/translations",
]);

/** What a request says of its model. */
export interface ReadModel {
  readonly ok: true;
  /** As the client named it, or the pool's only one where it names none. */
  readonly model: string | undefined;
  readonly isStream: boolean;
  readonly fields: RequestFields;
  /** The body is a form, and no JSON. */
  readonly isForm?: boolean;
}

type RefusedModel = Extract<RequestBody, { ok: false }>;

const unread: ReadModel = {
  ok: true,
  model: undefined,
  isStream: false,
  fields: new Map<string, never>(),
};

/** Where the filter sends no body, or a part of it. Without a model the pick is by load alone. */
export function modelOfHeaders(headers: Headers, pool: ServedPool): ReadModel | RefusedModel {
  const { modelHeader, onlyModel } = pool;
  const named = modelHeader === undefined ? undefined : headers.get(modelHeader);
  const model = named ?? onlyModel;
  if (model === undefined) return unread;
  return isModelName(model) ? { ...unread, model } : invalidModel;
}

/**
 * Reads a request whose body is here. One that names no model gets the pool's only one; where the endpoints
 * do not differ in their base models it goes on without one, and the endpoint has its own.
 *
 * @param path as the endpoint gets it
 * @param isCopy a copy without a model goes on as it is: the shadow's own model serves it
 */
export function readModel(
  headers: Headers,
  path: string,
  body: Uint8Array | undefined,
  pool: ServedPool,
  isCopy: boolean,
): ReadModel | RefusedModel {
  const needsModel = headers.get(":method") === "POST" && modelPaths.has(path);
  const type = headers.get("content-type") ?? "";
  const isForm = isFormType.test(type);
  if (!needsModel && !isForm && !type.startsWith("application/json")) return unread;
  const read = isForm ? modelOfForm(body, type) : readRequestBody(body);
  if (!needsModel) return read.ok && read.model !== undefined ? read : unread;
  if (!read.ok || read.model !== undefined) return read;
  const model = onlyModelOf(pool);
  if (model !== undefined) return { ...read, model };
  return isCopy || pool.served.hasOneBase ? read : missingModel;
}

/** As an annotation names it, else the only base model of the endpoints, else the only InferenceModel's. */
function onlyModelOf({ onlyModel, served, listedModels }: ServedPool): string | undefined {
  const isAnnotated = onlyModel !== undefined && !listedModels.has(onlyModel);
  if (isAnnotated || served.base.size !== 1) return onlyModel;
  const [base] = served.base;
  return base;
}

/** Whether the pool may be asked for the model: where InferenceModels list names, they or the endpoints must know it. */
export function isServed({ listedModels, served }: ServedPool, model: string): boolean {
  if (listedModels.size === 0 || listedModels.has(model) || served.has(model)) return true;
  // An endpoint whose list is not known may have it: it answers 404 itself where it has not.
  return served.hasUnread();
}

const isFormType = /^multipart\/form-data\b/i;

/** Forms bring audio and images, with the model in a field of its own. */
function modelOfForm(body: Uint8Array | undefined, type: string): ReadModel | RefusedModel {
  const read = readFormField(body ?? new Uint8Array(), type, "model");
  if (!read.ok) {
    const message = `the request body is not a form as its content-type says (at byte ${read.offset})`;
    return { ok: false, code: "invalid_form", message };
  }
  if (read.field === undefined || read.field.value === "") {
    return { ok: true, model: undefined, isStream: false, fields: unread.fields, isForm: true };
  }
  const { value, start, end } = read.field;
  if (!isModelName(value)) return invalidModel;
  const fields = new Map([
    ["model", { kind: "string", value, start, end, isRepeated: false } as const],
  ]);
  return { ok: true, model: value, isStream: false, fields, isForm: true };
}

/** The body with another name for its model, all else as it was. */
export function withModel(
  body: Uint8Array,
  { fields, isForm }: ReadModel,
  name: string,
): Uint8Array | undefined {
  const field = fields.get("model");
  if (isForm !== true || field === undefined) {
    return setField(body, fields, "model", name);
  }
  return Buffer.concat([
    body.subarray(0, field.start),
    Buffer.from(name),
    body.subarray(field.end),
  ]);
}

/** What was read, else what the client says is coming. */
export function lengthOf(headers: Headers, body: Uint8Array | undefined): number {
  if (body !== undefined) return body.length;
  const declared = Number(headers.get("content-length") ?? 0);
  return Number.isSafeInteger(declared) && declared > 0 ? declared : 0;
}

/** Without the query. */
export function pathOf(headers: Headers): string {
  const path = headers.get(":path") ?? "/";
  const query = path.indexOf("?");
  return query < 0 ? path : path.slice(0, query);
}
