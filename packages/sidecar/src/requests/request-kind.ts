import type { RequestFields } from "@umbra/openai";
import type { RequestKind } from "@umbra/shadow";
import type { ServedPool } from "../pools/served-pool.ts";
import type { ParsedRequest } from "./parsed-request.ts";

/** Larger schemas are not parsed. */
const maxFormatBytes = 65_536;

/** Classifies a request for the segments of an evaluation. Uses names from bounded lists, never the client's text. */
export function kindOf({ pool, read, body }: ParsedRequest, path: string): RequestKind {
  const { model, fields } = read;
  return {
    model: model === undefined ? null : isKnown(pool, model) ? model : "other",
    path,
    shape: shapeOf(fields, body),
    priority: pool.priorityOf(model),
  };
}

/** If no list of served models is known, a client's model name counts as text. */
function isKnown({ listedModels, served }: ServedPool, model: string): boolean {
  return listedModels.has(model) || served.base.has(model);
}

function shapeOf(fields: RequestFields, body: Uint8Array | undefined): RequestKind["shape"] {
  const kind = (name: string) => fields.get(name)?.kind ?? "null";
  if (kind("tools") !== "null") return "tools";
  if (kind("guided_json") !== "null") return "json";
  const format = fields.get("response_format");
  if (format?.kind !== "object" || body === undefined) return "text";
  const end = Math.min(format.end, format.start + maxFormatBytes);
  return jsonFormat.test(
    Buffer.from(body.buffer, body.byteOffset, body.length).toString("latin1", format.start, end),
  )
    ? "json"
    : "text";
}

const jsonFormat = /"type"\s*:\s*"json_(object|schema)"/;
