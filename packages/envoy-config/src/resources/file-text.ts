import { isUtf8 } from "node:buffer";
import type { DiagnosticCode } from "../codes.ts";
import type { Diagnostic } from "../diagnostic.ts";

/** Maximum file size: parsing larger files takes too long. */
const maxFileBytes = 8 * 1024 * 1024;

export type FileText =
  | { readonly ok: true; readonly text: string }
  | (Pick<Diagnostic, "message" | "remedy" | "line" | "column"> & {
      readonly ok: false;
      readonly code: DiagnosticCode;
    });

/** Decodes the text of a file, if it is UTF-8 and not too large. */
export function decodeFile(content: string | Uint8Array): FileText {
  const start = { line: 1, column: 1 };
  if (content.length > maxFileBytes) {
    const message = `the file is ignored: it is larger than ${maxFileBytes / 1024 / 1024} MiB`;
    return { ok: false, code: "UMB0108", message, remedy: "split the file", ...start };
  }
  if (typeof content === "string") return { ok: true, text: content.replace(/^\ufeff/, "") };
  const broken = { ok: false, code: "UMB0110", remedy: "save the file as UTF-8" } as const;
  const [first, second] = content;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    return { ...broken, message: "the file is ignored: it is UTF-16", ...start };
  }
  if (isUtf8(content)) return { ok: true, text: new TextDecoder().decode(content) };
  // With `stream`, a truncated character at the end is dropped.
  const text = new TextDecoder().decode(soundPrefix(content), { stream: true });
  const lines = text.split("\n");
  const column = (lines.at(-1)?.length ?? 0) + 1;
  const message = "the file is ignored: it is not valid UTF-8 here";
  return { ...broken, message, line: lines.length, column };
}

/** Returns the valid UTF-8 at the start. A decoder replaces invalid bytes by U+FFFD, so that the re-encoded copy differs there. */
function soundPrefix(content: Uint8Array): Uint8Array {
  const copy = Buffer.from(Buffer.from(content).toString("utf8"));
  const end = content.findIndex((byte, at) => byte !== copy[at]);
  return end < 0 ? content : content.subarray(0, end);
}
