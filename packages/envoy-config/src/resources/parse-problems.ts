import { LineCounter } from "yaml";
import type { Diagnostic } from "../diagnostic.ts";
import { parseDocuments } from "./documents.ts";
import { decodeFile } from "./file-text.ts";
import { mayHoldSecret, type SourceFile } from "./read-resources.ts";
import { createReport } from "./report.ts";
import { placeAt } from "./source.ts";

/** Returns why a file can't be decoded or parsed; empty if it can be. */
export function parseProblems({ name: file, text: content }: SourceFile): readonly Diagnostic[] {
  const { diagnostics, report, show } = createReport();
  const decoded = decodeFile(content);
  if (!decoded.ok) {
    const { line, column, code, message, remedy } = decoded;
    report("error", code, { file, line, column }, message, { remedy });
    return diagnostics;
  }
  const { text } = decoded;
  const lines = new LineCounter();
  show(file, text, lines);
  const isSecret = mayHoldSecret(text);
  for (const parsed of parseDocuments(text, lines)) {
    if (!("problem" in parsed)) continue;
    const { code, message, offset } = parsed.problem;
    report("error", code, { ...placeAt(offset, { file, lines }), isSecret }, message);
  }
  return diagnostics;
}
