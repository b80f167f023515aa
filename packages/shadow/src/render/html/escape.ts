import { printable } from "../../printable.ts";

/** Escapes text of any origin for HTML or XML, in elements and in quoted attributes. */
export function text(value: string): string {
  return printable(value)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

/** Escapes text and controls line breaks: a number stays with its unit, and names may break after underscores. */
export function unbroken(value: string): string {
  return text(value)
    .replace(/ (?=%|pp)/g, "\u00a0")
    .replaceAll("_", "_<wbr>");
}

/** A web address without characters that are special in HTML or Markdown. */
export const plainLink: RegExp = /^https?:\/\/[\w.-]+(:\d{1,5})?(\/[\w./=%~+?-]*)?$/;

/** Like `text`, but turns a web address into a link. Following it does not reveal the page to the target. */
export function linked(value: string): string {
  const shown = text(value);
  return plainLink.test(value) ? `<a href="${shown}" rel="noreferrer">${shown}</a>` : shown;
}
