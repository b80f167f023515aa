import { printable } from "../../printable.ts";

/** Text of any origin as text of HTML or XML, in elements and in quoted attributes. */
export function text(value: string): string {
  return printable(value)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}
