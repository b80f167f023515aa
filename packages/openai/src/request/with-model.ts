import { setField } from "../json/edit-json.ts";
import type { ReadRequest } from "./read-request.ts";

/** Returns the body with another model name and otherwise unchanged; undefined if it is not a JSON object. */
export function withModel(
  body: Uint8Array,
  { fields, isForm }: ReadRequest,
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
