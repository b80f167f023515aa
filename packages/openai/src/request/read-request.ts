import { jsonKeys } from "../json/json-keys.ts";
import type { JsonFault, JsonScanErrorCode } from "../json/json-members.ts";
import { type JsonField, type JsonFields, scanJson } from "../json/json-scan.ts";
import { maxParts, readFormField } from "./multipart.ts";

/** What a gateway needs from a request's body before it picks a model server. */
export interface ReadRequest {
  readonly ok: true;
  /** Model name; undefined if it is missing, null or empty. Model servers then use their only base model. */
  readonly model: string | undefined;
  readonly isStream: boolean;
  readonly fields: RequestFields;
  /** True if the body is a form, not JSON. */
  readonly isForm?: boolean;
}

/** A body that no model server would accept. It is an `ApiError`; use `errorAnswer` for the client's answer. */
export interface RefusedRequest {
  readonly ok: false;
  readonly status: 400;
  readonly code: RequestBodyErrorCode;
  /** Contains the offset of the fault but never content, because bodies are private. */
  readonly message: string;
  readonly param?: "model";
}

/** Why a body is refused. Stable. */
export type RequestBodyErrorCode =
  | JsonScanErrorCode
  | "missing_model"
  | "invalid_model"
  | "invalid_form";

/** Top-level fields used by picks and mirrors, with their offsets in the body. */
export type RequestFields = JsonFields;

/** Fields found by one scan: those that the pick reads, and those that only show state, tools, sessions and prompts. */
const keys = jsonKeys(
  ["model", "stream", "user", "store", "background", "max_tokens", "max_completion_tokens"],
  [
    "conversation",
    "previous_response_id",
    "tools",
    "system",
    "instructions",
    "cache_salt",
    "mcp_servers",
    "container",
    "web_search_options",
    "response_format",
    "guided_json",
    "temperature",
    "top_k",
    "seed",
    "text",
    "messages",
    "prompt",
    "input",
  ],
);
const noBytes = Buffer.alloc(0);
const maxModelBytes = 256;

/** Paths whose body must name a model. */
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

/** Whether the body of a POST to this path must name a model. `path` is without the query. */
export function needsModel(path: string): boolean {
  return modelPaths.has(path);
}

const formType = /^multipart\/form-data\b/i;

/** True if a body of this content type is a form. Audio and images are sent as forms, with the model in a field. */
export function isForm(contentType: string): boolean {
  return formType.test(contentType);
}

/**
 * Reads the body of a request to OpenAI's or Anthropic's API. A body that is not a form is read as JSON; a missing or
 * empty body is not valid JSON.
 */
export function readRequest(
  body: Uint8Array | undefined,
  contentType = "application/json",
): ReadRequest | RefusedRequest {
  return isForm(contentType) ? readForm(body ?? noBytes, contentType) : readJson(body ?? noBytes);
}

function readJson(body: Uint8Array): ReadRequest | RefusedRequest {
  const scan = scanJson(body, keys);
  if (!scan.ok) return refused(scan.code, scanMessage(scan));
  const field = scan.fields.get("model");
  const model = field?.kind === "string" && field.value !== "" ? field.value : undefined;
  if (model === undefined && field !== undefined) {
    if (field.kind === "text") return invalidModel;
    if (field.kind !== "null" && field.kind !== "string") return missingModel;
  }
  if (model !== undefined && !isModelName(model)) return invalidModel;
  const stream = scan.fields.get("stream");
  const isStream = stream?.kind === "boolean" && stream.value;
  return { ok: true, model, isStream, fields: scan.fields };
}

function readForm(body: Uint8Array, contentType: string): ReadRequest | RefusedRequest {
  const read = readFormField(body, contentType, "model");
  if (!read.ok) {
    const isBroken = read.reason === "broken";
    const fault = isBroken
      ? "is not a form as its content-type says"
      : `has more than ${maxParts} parts`;
    const message = `the request body ${fault} (at byte ${read.offset})`;
    return refused("invalid_form", message);
  }
  const { field } = read;
  const fields = new Map<string, JsonField>();
  if (field === undefined || field.value === "") {
    return { ok: true, model: undefined, isStream: false, fields, isForm: true };
  }
  const { value: model, start, end } = field;
  if (!isModelName(model)) return invalidModel;
  fields.set("model", { kind: "string", value: model, start, end, isRepeated: false });
  return { ok: true, model, isStream: false, fields, isForm: true };
}

function refused(code: RequestBodyErrorCode, message: string): RefusedRequest {
  return { ok: false, status: 400, code, message };
}

/** Refusal of requests that must name a model but do not. */
export const missingModel: RefusedRequest = {
  ...refused("missing_model", "the request names no model: set `model` to a string"),
  param: "model",
};

/** Refusal of requests whose `model` is not a valid name. */
export const invalidModel: RefusedRequest = {
  ...refused(
    "invalid_model",
    `\`model\` must be at most ${maxModelBytes} bytes and must not contain control characters`,
  ),
  param: "model",
};

/** True if a text is a valid model name: neither too long nor with control characters. */
export function isModelName(text: string): boolean {
  if (text === "") return false;
  // A UTF-16 unit takes at most three bytes.
  if (text.length * 3 > maxModelBytes && Buffer.byteLength(text) > maxModelBytes) return false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code === 0x7f) return false;
  }
  return true;
}

function scanMessage({ code, offset }: JsonFault): string {
  switch (code) {
    case "invalid_json":
      return `the request body is not valid JSON in UTF-8 (at byte ${offset})`;
    case "invalid_json_type":
      return "the request body must be a JSON object";
    case "json_too_deep":
      return `the request body is nested more than 128 levels deep (at byte ${offset})`;
    case "json_too_complex":
      return `the request body has too many JSON values, escapes or spaces, or a number that is too long (at byte ${offset})`;
  }
}
