import { LineCounter, type Node } from "yaml";
import { parseDocuments } from "./documents.ts";
import { inspectDocument } from "./inspect.ts";
import { Reader } from "./reader.ts";
import { placeAt, type Source } from "./source.ts";

/**
 * Parses YAML that is embedded as text in a field, within the limits of the file. Reports problems at their own line.
 * Undefined if it is invalid.
 */
export function readEmbedded(from: Reader, key: string): Reader | undefined {
  const embedded = from.embedded(key);
  if (embedded === undefined) return undefined;
  const { text } = embedded;
  const lines = new LineCounter();
  const source: Source = { ...embedded.source, lines, aliases: new Map<Node, Node>() };
  let read: Reader | undefined;
  for (const parsed of parseDocuments(text, lines)) {
    if ("problem" in parsed) {
      const { code, message, offset } = parsed.problem;
      source.report("error", code, placeAt(offset, source), message);
      return undefined;
    }
    const { contents } = parsed.document;
    if (contents === null) continue;
    inspectDocument(contents, source);
    const reader = new Reader(source, contents);
    if (read !== undefined) {
      reader.report("error", "UMB0243", "a bootstrap must be a single document");
      return undefined;
    }
    read = reader;
  }
  if (read === undefined) from.report("error", "UMB0243", `\`${key}\` is empty`, key);
  return read;
}
