import type { DiagnosticCode } from "../codes.ts";
import type { Diagnostic } from "../diagnostic.ts";

/** Beyond it reading takes longer than anyone waits. */
const maxFileBytes = 8 * 1024 * 1024;

export type FileText =
  | { readonly ok: true; readonly text: string }
  | (Pick<Diagnostic, "message" | "remedy" | "line" | "column"> & {
      readonly ok: false;
      readonly code: DiagnosticCode;
    });

/** The text of a file, where it is UTF-8 and of a size that is read. */
export function decodeFile(content: string | Uint8Array): FileText {
  const start = { line: 1, column: 1 };
  if (content.length > maxFileBytes) {
    const message = `the file is not read: it is larger than ${maxFileBytes / 1024 / 1024} MiB`;
    return { ok: false, code: "UMB0108", message, remedy: "split it", ...start };
  }
  if (typeof content === "string") return { ok: true, text: content.replace(/^\ufeff/, "") };
  const broken = { ok: false, code: "UMB0110", remedy: "save it as UTF-8" } as const;
  const [first, second] = content;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    return { ...broken, message: "the file is not read: it is UTF-16", ...start };
  }
  const sound = soundPrefix(content);
  // With `stream` a character that is cut off is left away.
  const stream = sound < content.length;
  const text = new TextDecoder().decode(content.subarray(0, sound), { stream });
  if (!stream) return { ok: true, text };
  const lines = text.split("\n");
  const column = (lines.at(-1)?.length ?? 0) + 1;
  const message = "the file is not read: here it is not UTF-8";
  return { ...broken, message, line: lines.length, column };
}

/** How many bytes from the start are UTF-8. */
function soundPrefix(content: Uint8Array): number {
  if (isSound(content, content.length, false)) return content.length;
  let sound = 0;
  let broken = content.length;
  while (broken - sound > 1) {
    const middle = Math.floor((sound + broken) / 2);
    if (isSound(content, middle, true)) sound = middle;
    else broken = middle;
  }
  return sound;
}

/** With `stream` the last character may be cut off. */
function isSound(content: Uint8Array, length: number, stream: boolean): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(content.subarray(0, length), { stream });
    return true;
  } catch {
    // The decoder's only answer to bytes that are no UTF-8.
    return false;
  }
}
