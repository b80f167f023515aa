import { isJsonObject, type Json } from "./canonical-json.ts";

/** Text of a message's content: a string, or the texts among its parts. */
export function contentText(content: Json): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return (content as readonly Json[])
    .map((part) => (isJsonObject(part) && typeof part.text === "string" ? part.text : ""))
    .join("");
}
