import { defined } from "@umbra/shadow/defined";
import { isMap, isScalar, isSeq, LineCounter, type Node } from "yaml";
import type { Diagnostic } from "../diagnostic.ts";
import { didYouMean } from "../nearest.ts";
import { ResourceMap } from "../resource-map.ts";
import { resourceName } from "../resource-ref.ts";
import { annotationNames, credentialsAnnotation } from "./annotations.ts";
import { readChartValues } from "./chart-values.ts";
import { readConfigMap } from "./config-map.ts";
import { parseDocuments } from "./documents.ts";
import { readParametersRef } from "./envoy-proxy.ts";
import { decodeFile } from "./file-text.ts";
import { createBudget, inspectDocument } from "./inspect.ts";
import { lostWithout, meantKind, quietKinds, type Read, readerOf } from "./kinds.ts";
import type { Meta } from "./meta.ts";
import { namespaceOf, resourceName as readName } from "./names.ts";
import { isPickerConfig, readPickerConfigResource } from "./picker-config.ts";
import { Reader } from "./reader.ts";
import { createReport, type Report, type ReportSink } from "./report.ts";
import { Resources } from "./resources.ts";
import { createSource, placeAt } from "./source.ts";
import { readUnread } from "./unread.ts";

/** The path that the user gave. */
export interface SourceFile {
  readonly name: string;
  /** Text, or bytes that are not checked to be UTF-8 yet. */
  readonly text: string | Uint8Array;
}

export interface ReadResources {
  readonly resources: Resources;
  readonly diagnostics: Diagnostic[];
  readonly report: Report;
}

/** Reads every document of every file. Reports all problems in one pass. Never throws. */
export function readResources(files: readonly SourceFile[]): ReadResources {
  const sink = createReport();
  const into = new Resources();
  const reading: Reading = { into, seen: new Map() };
  for (const file of files) readFile(file, reading, sink);
  return { resources: into, diagnostics: sink.diagnostics, report: sink.report };
}

/** The result of reading, shared by all files. */
interface Reading {
  readonly into: Resources;
  readonly seen: Seen;
}

function readFile(
  { name: file, text: content }: SourceFile,
  into: Reading,
  { report, show }: ReportSink,
): void {
  const decoded = decodeFile(content);
  if (!decoded.ok) {
    const { line, column, code, message, remedy } = decoded;
    report("error", code, { file, line, column }, message, { remedy });
    return;
  }
  const { text } = decoded;
  const lines = new LineCounter();
  show(file, text, lines);
  const spend = createBudget();
  for (const parsed of parseDocuments(text, lines)) {
    if ("problem" in parsed) {
      const { code, message, offset } = parsed.problem;
      const place = placeAt(offset, { file, lines });
      report("error", code, mayHoldSecret(text) ? { ...place, isSecret: true } : place, message);
      continue;
    }
    const { contents } = parsed.document;
    // A `---` without content.
    if (contents === null || (isScalar(contents) && contents.value === null)) continue;
    const [start = 0, , end = text.length] = contents.range ?? [];
    if (isEnvoyFile(contents)) {
      report("info", "UMB0107", placeAt(start, { file, lines }), envoyFileMessage);
      continue;
    }
    const isSecret = mayHoldSecret(text.slice(start, end));
    const source = createSource({ file, lines, text, report, spend, isSecret });
    inspectDocument(contents, source);
    readDocument(new Reader(source, contents), into);
  }
}

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

/** Checks the text, because a document that can't be parsed has no kind. */
export function mayHoldSecret(text: string): boolean {
  return /\bkind["']?\s*:\s*["']?Secret\b/.test(text);
}

function readDocument(root: Reader, reading: Reading): void {
  const { into } = reading;
  if (!root.isMap()) {
    const message =
      "this document is not a resource: a resource is a map with apiVersion, kind and metadata";
    root.report("error", "UMB0102", message);
    return;
  }
  const { value: values, isBroken } = root.part(() => readChartValues(root));
  if (values !== undefined) {
    into.configMaps.push(values.configMap);
    if (values.picker !== undefined) into.pickerDeployments.push(values.picker);
    return;
  }
  const kind = root.required("kind");
  const apiVersion = root.required("apiVersion");
  if (kind === undefined || apiVersion === undefined) return;
  // Empty for the core group, whose apiVersion has no group.
  const group = apiVersion.slice(0, Math.max(0, apiVersion.indexOf("/")));
  if (kind === "List") {
    for (const item of root.maps("items")) readDocument(item, reading);
  } else if (isPickerConfig(group, kind)) {
    into.pickerConfigs.push(...sound(root, readPickerConfigResource));
  } else if (group === "" && kind === "ConfigMap") {
    into.configMaps.push(...sound(root, readConfigMap));
  } else {
    if (kind === "GatewayClass") {
      into.parametersRefs.push(...readParametersRef(kind, root.map("spec"), "default"));
    }
    const read = readerOf(group, kind);
    if (read === undefined) readOther(root, { group, apiVersion, kind }, into);
    else readKnown(root, { read, kind, isBroken }, reading);
  }
}

/** Reads an object; empty if it has an error. */
function sound<T>(root: Reader, read: (root: Reader) => T): readonly T[] {
  const { value, isBroken } = root.part(() => read(root));
  return isBroken ? [] : [value];
}

/** Handles a kind that Umbra does not read. */
function readOther(root: Reader, of: Parameters<typeof readUnread>[1], into: Resources): void {
  const { group, kind } = of;
  const lost = lostWithout(group, kind);
  if (lost !== undefined) {
    root.unsupported(`${kind} is not supported: ${lost}`, "kind");
  } else if (!quietKinds.has(kind)) {
    into.unread.push({ ...readUnread(root, of), ...defined({ meant: meantKind(group, kind) }) });
  }
}

/** Resources that were read, by the reader of their kind. */
type Seen = Map<Read, ResourceMap<true>>;

function readKnown(
  root: Reader,
  of: { readonly read: Read; readonly kind: string; readonly isBroken: boolean },
  { into, seen }: Reading,
): void {
  const { read, kind } = of;
  const { value, isBroken } = root.part(() => readMeta(root));
  if (value === undefined) return;
  const meta = of.isBroken || isBroken ? { ...value, isBroken: true } : value;
  const known = seen.get(read) ?? new ResourceMap<true>();
  seen.set(read, known);
  if (known.has(meta)) {
    root.report("error", "UMB0106", `duplicate ${kind} "${resourceName(meta)}"`);
    return;
  }
  known.set(meta, true);
  const spec = root.map("spec");
  if (spec !== undefined || withoutSpec.has(kind)) read(meta, spec ?? root, root, into);
  else root.needs("spec");
}

const withoutSpec: ReadonlySet<string> = new Set(["EndpointSlice", "Namespace", "Secret"]);

function readMeta(root: Reader): Meta | undefined {
  const metadata = root.map("metadata");
  root.needs("metadata");
  if (metadata === undefined) return undefined;
  const name = readName(metadata, "name");
  const namespace = namespaceOf(metadata);
  warnUnknownAnnotations(metadata);
  if (name === undefined || namespace === undefined) return undefined;
  return {
    name,
    namespace,
    labels: metadata.texts("labels", { isText: true }),
    annotations: metadata.texts("annotations", { isText: true }),
    createdAt: metadata.string("creationTimestamp") ?? "",
    place: root.place("kind"),
    annotationPlace: (annotation) =>
      metadata.placeIn("annotations", annotation) ?? root.place("kind"),
  };
}

function warnUnknownAnnotations(metadata: Reader): void {
  const annotations = metadata.map("annotations");
  annotations?.oneOf(credentialsAnnotation, ["keep", "remove"]);
  for (const name of annotations?.keys() ?? []) {
    if (!name.startsWith("umbra.dev/") || annotationNames.includes(name)) continue;
    const { remedy = "remove it" } = didYouMean(name, annotationNames, "`");
    const message = `unknown annotation \`${name.slice(0, 64)}\``;
    annotations?.report("warning", "UMB0105", message, name, { remedy });
  }
}
