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

/** Text that is broken between words alone: a number stays with its unit, and a name may be broken behind its underscores. */
export function unbroken(value: string): string {
  return text(value)
    .replace(/ (?=%|pp)/g, "\u00a0")
    .replaceAll("_", "_<wbr>");
}

/** An address that is a link as it stands: nothing in it means anything to HTML or Markdown. */
export const plainLink: RegExp = /^https?:\/\/[\w.-]+(:\d{1,5})?(\/[\w./=%~+?-]*)?$/;

/** The same, where an address of the web is a link. Following it tells the other side nothing of the page. */
export function linked(value: string): string {
  const shown = text(value);
  return plainLink.test(value) ? `<a href="${shown}" rel="noreferrer">${shown}</a>` : shown;
}
