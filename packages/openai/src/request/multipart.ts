/** A field of a form, with its offsets in the body. */
export interface FormField {
  readonly value: string;
  /** Offset of the value's first byte. */
  readonly start: number;
  /** Offset after its last byte. */
  readonly end: number;
}

export type FormRead =
  | { readonly ok: true; readonly field: FormField | undefined }
  | { readonly ok: false; readonly offset: number; readonly reason: "broken" | "too many parts" };

/** Most parts of a form; one with more is refused, because the last field of a name is used and may follow. */
export const maxParts = 128;
const maxHeaderBytes = 8_192;
/** Longest value of a wanted field. */
const maxValueBytes = 1_024;

const lineEnd = Buffer.from("\r\n");
const headersEnd = Buffer.from("\r\n\r\n");

/**
 * Finds a text field of a `multipart/form-data` body. Files are skipped by search and nothing is copied, so the work is
 * bounded by the body's length and the number of parts. Of a repeated field the last is used, as in model servers.
 */
export function readFormField(body: Uint8Array, contentType: string, name: string): FormRead {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const boundary = boundaryOf(contentType);
  if (boundary === undefined) return { ok: false, offset: 0, reason: "broken" };
  const delimiter = Buffer.from(`\r\n--${boundary}`, "latin1");
  // The first delimiter may be at the start, without a line break before it.
  let at = startsWith(text, delimiter.subarray(2))
    ? delimiter.length - 2
    : after(text, delimiter, 0);
  if (at < 0) return { ok: false, offset: 0, reason: "broken" };
  let field: FormField | undefined;
  for (let parts = 0; parts < maxParts; parts++) {
    if (text[at] === 0x2d && text[at + 1] === 0x2d) return { ok: true, field };
    const line = text.indexOf(lineEnd, at);
    if (line < 0 || line - at > maxHeaderBytes) return { ok: false, offset: at, reason: "broken" };
    // A part without headers starts with an empty line.
    const headers = text.indexOf(headersEnd, line);
    if (headers < 0 || headers - line > maxHeaderBytes)
      return { ok: false, offset: line, reason: "broken" };
    const start = headers + headersEnd.length;
    const next = after(text, delimiter, start - lineEnd.length);
    if (next < 0) return { ok: false, offset: start, reason: "broken" };
    const end = Math.max(start, next - delimiter.length);
    if (nameOf(text.toString("latin1", line, headers)) === name && end - start <= maxValueBytes) {
      field = { value: text.toString("utf8", start, end), start, end };
    }
    at = next;
  }
  if (text[at] === 0x2d && text[at + 1] === 0x2d) return { ok: true, field };
  return { ok: false, offset: at, reason: "too many parts" };
}

/** Offset after the next delimiter; -1 if there is none. */
function after(text: Buffer, delimiter: Buffer, from: number): number {
  const found = text.indexOf(delimiter, from);
  return found < 0 ? -1 : found + delimiter.length;
}

function startsWith(text: Buffer, what: Buffer): boolean {
  return text.length >= what.length && what.equals(text.subarray(0, what.length));
}

/** RFC 2046 allows 70 characters. */
function boundaryOf(contentType: string): string | undefined {
  const found = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType);
  return found?.[1] ?? found?.[2];
}

/** The field name from a part's headers. Files have one too. */
function nameOf(headers: string): string | undefined {
  const disposition = /\r\ncontent-disposition:[^\r\n]*/i.exec(headers)?.[0];
  if (disposition === undefined || /;\s*filename\*?=/i.test(disposition)) return undefined;
  const found = /;\s*name=(?:"([^"]*)"|([^\s;"]+))/i.exec(disposition);
  return found?.[1] ?? found?.[2];
}
