import { LineCounter } from "yaml";
import { parseDocuments } from "./documents.ts";
import { inspectYaml } from "./inspect-yaml.ts";
import { Reader } from "./reader.ts";
import { createYamlDocument, placeAt, yamlNode } from "./yaml-node.ts";

/**
 * Parses YAML that is embedded as text in a field, within the limits of the file. Reports problems at their own line.
 * Undefined if it is invalid.
 */
export function readEmbedded(from: Reader, key: string): Reader | undefined {
  const embedded = from.embedded(key);
  if (embedded === undefined) return undefined;
  const { text, source } = embedded;
  const { file, start, isSecret = false } = from.place(key);
  const lines = new LineCounter();
  const document = createYamlDocument({ file, lines, start, text, isSecret });
  let read: Reader | undefined;
  for (const parsed of parseDocuments(text, lines)) {
    if ("problem" in parsed) {
      const { code, message, offset } = parsed.problem;
      source.report("error", code, placeAt(offset, document), message);
      return undefined;
    }
    const { contents } = parsed.document;
    if (contents === null) continue;
    inspectYaml(contents, document, source);
    const reader = new Reader(source, yamlNode(contents, document));
    if (read !== undefined) {
      reader.report("error", "UMB0243", "a bootstrap must be a single document");
      return undefined;
    }
    read = reader;
  }
  if (read === undefined) from.report("error", "UMB0243", `\`${key}\` is empty`, key);
  return read;
}
