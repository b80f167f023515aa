import { defined } from "@umbra/shadow/defined";
import { isMap, isScalar, isSeq, LineCounter, type Node } from "yaml";
import { type DocumentProblem, parseDocuments } from "./documents.ts";
import { inspectYaml } from "./inspect-yaml.ts";
import { readDocument } from "./read-document.ts";
import { Reader } from "./reader.ts";
import { createBudget } from "./reading-budget.ts";
import { createRecorder, type Step } from "./recorder.ts";
import type { Start } from "./report.ts";
import { type Compiling, createSource } from "./source.ts";
import { createYamlDocument, placeAt, yamlNode } from "./yaml-node.ts";

/** What a segment of a file says: a part of its text, with one document or several. */
export interface ReadSegment {
  readonly text: string;
  /** It moves with the segments before it. */
  readonly start: Start;
  /** Resources and findings, in the order of the text. */
  readonly steps: readonly Step[];
  /** Fields and items read, with aliases expanded. */
  readonly spent: number;
  /** Why a document can't be parsed, or is too large; undefined if all can be read. */
  readonly problem?: string;
  /** True: a limit is exceeded, and the rest of the file is ignored. */
  readonly isLast: boolean;
}

/** Reads the documents of a segment. */
export function readSegment(
  file: string,
  given: string,
  { linesAbove, compiling }: { readonly linesAbove: number; readonly compiling: Compiling },
): ReadSegment {
  // A copy: a part of the file's text would keep all of it.
  const text = Buffer.from(given).toString();
  const lines = new LineCounter();
  const start: Start = { linesAbove };
  const { spend, ...budget } = createBudget();
  const into = createRecorder();
  const { report } = into;
  const problems: DocumentProblem[] = [];
  for (const parsed of parseDocuments(text, lines)) {
    if ("problem" in parsed) {
      const { code, message, offset } = parsed.problem;
      into.unparsed("error", code, placeAt(offset, { file, lines, start }), message);
      problems.push(parsed.problem);
      continue;
    }
    const { contents } = parsed.document;
    // A `---` without content.
    if (contents === null || (isScalar(contents) && contents.value === null)) continue;
    const [begin = 0, , end = text.length] = contents.range ?? [];
    if (isEnvoyFile(contents)) {
      report("info", "UMB0107", placeAt(begin, { file, lines, start }), envoyFileMessage);
      continue;
    }
    const isSecret = mayHoldSecret(text.slice(begin, end));
    const document = createYamlDocument({ file, lines, start, text, isSecret });
    const source = createSource({ report, spend, compiling });
    inspectYaml(contents, document, source);
    readDocument(new Reader(source, yamlNode(contents, document)), into);
  }
  const isTooMuch = budget.isExceeded();
  const problem = problems[0]?.message ?? (isTooMuch ? tooMuch : undefined);
  const isLast = isTooMuch || problems.some(({ code }) => code === "UMB0108");
  return { text, start, steps: into.steps, spent: budget.spent(), ...defined({ problem }), isLast };
}

const tooMuch = "the rest of the file is ignored: its aliases expand to too much";

const envoyFileMessage =
  "this Envoy configuration is ignored: Umbra renders such files, but does not read them";

/** True for a bootstrap, or a part of one, that was rendered into the same folder. */
function isEnvoyFile(contents: Node): boolean {
  if (!isMap(contents) || contents.has("kind") || contents.has("apiVersion")) return false;
  if (contents.has("static_resources") || contents.has("dynamic_resources")) return true;
  const resources = contents.get("resources");
  const first: unknown = isSeq(resources) ? resources.items[0] : undefined;
  return isMap(first) && first.has("@type");
}

/** Checks the text, because a document that can't be parsed has no kind. What looks like another document may be its content. */
export function mayHoldSecret(text: string): boolean {
  return /\bkind["']?\s*:\s*["']?Secret\b/.test(text);
}
