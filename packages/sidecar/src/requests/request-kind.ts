import type { RequestFields } from "@umbra/openai";
import type { RequestKind } from "@umbra/shadow";
import type { ServedPool } from "../pools/pool-registry.ts";
import type { ParsedRequest } from "./parsed-request.ts";

/** A schema larger than this is not looked into. */
const maxFormatBytes = 65_536;

/** What kind of request it is, for the segments of an evaluation: names of bounded lists, never the client's text. */
export function kindOf({ pool, read, body }: ParsedRequest, path: string): RequestKind {
  const { model, fields } = read;
  return {
    model: model === undefined ? null : isKnown(pool, model) ? model : "other",
    path,
    shape: shapeOf(fields, body),
    priority: pool.priorityOf(model),
  };
}

/** Where no list names the models that are served, a client's word for one is text. */
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
