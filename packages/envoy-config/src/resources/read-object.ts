import type { JsonMap } from "../json-map.ts";
import { inspectJson, JsonNode } from "./json-node.ts";
import { objectId, objectTitle } from "./object-id.ts";
import { readDocument } from "./read-document.ts";
import { maxInstructions, type ReadFile } from "./read-file.ts";
import { Reader } from "./reader.ts";
import { createBudget } from "./reading-budget.ts";
import { createRecorder } from "./recorder.ts";
import { createSource } from "./source.ts";

/** Reads an object of an API server like a file with one document. Never throws. */
export function readObject(object: JsonMap): ReadFile {
  const id = objectId(object);
  const name = objectTitle(id);
  const document = { file: name, isSecret: id.kind === "Secret" };
  const into = createRecorder();
  const { spend, spent } = createBudget();
  const compiling = { left: maxInstructions };
  const source = createSource({ report: into.report, spend, compiling });
  if (inspectJson(object, document, source)) {
    readDocument(new Reader(source, new JsonNode(object, document)), into);
  }
  const steps = { text: "", start: { linesAbove: 0 }, linesAbove: 0, steps: into.steps };
  const segment = { ...steps, spent: spent(), isLast: false };
  return { name, text: "", segments: [segment], findings: [], mayHoldSecret: false };
}
