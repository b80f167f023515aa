import type { RequestErrorCode } from "./error-reply.ts";
import { jsonKeys } from "./json-keys.ts";
import type { JsonFault } from "./json-members.ts";
import { type JsonFields, scanJson } from "./json-scan.ts";

/** What a pick needs of an OpenAI-style request body. */
export type RequestBody =
  | {
      readonly ok: true;
      /** Absent where the body has none, null or an empty text: model servers then serve their only base model. */
      readonly model: string | undefined;
      readonly isStream: boolean;
      readonly fields: RequestFields;
    }
  | { readonly ok: false; readonly code: RequestErrorCode; readonly message: string };

/** Top-level fields that picks and mirrors are decided by, with their places in the body. */
export type RequestFields = JsonFields;

/** One scan finds all: what the pick needs, and what tells state, tools, sessions and prompts, which are not read. */
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
    "messages",
    "prompt",
    "input",
  ],
);
const noBytes = Buffer.alloc(0);
const maxModelBytes = 256;

/** Reads model and stream from a body; of `undefined` or no bytes it says that there is no JSON. */
export function readRequestBody(body: Uint8Array | undefined): RequestBody {
  const scan = scanJson(body ?? noBytes, keys);
  if (!scan.ok) return { ok: false, code: scan.code, message: scanMessage(scan) };
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

export const missingModel: Extract<RequestBody, { ok: false }> = {
  ok: false,
  code: "missing_model",
  message: "the request names no model: set `model` to a string",
};

export const invalidModel: Extract<RequestBody, { ok: false }> = {
  ok: false,
  code: "invalid_model",
  message: `\`model\` must be at most ${maxModelBytes} bytes and hold no control characters`,
};

/** Whether a text can name a model: neither too long nor with control characters. */
export function isModelName(text: string): boolean {
  if (text === "") return false;
  // No character takes more than three bytes for a unit of the text.
  if (text.length * 3 > maxModelBytes && Buffer.byteLength(text) > maxModelBytes) return false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code === 0x7f) return false;
  }
  return true;
}

/** Names the place and never the content: bodies are private. */
function scanMessage({ code, offset }: JsonFault): string {
  switch (code) {
    case "invalid_json":
      return `the request body is not valid JSON in UTF-8 (at byte ${offset})`;
    case "invalid_json_type":
      return "the request body must be a JSON object";
    case "json_too_deep":
      return `the request body is nested more than 128 levels deep (at byte ${offset})`;
  }
}
