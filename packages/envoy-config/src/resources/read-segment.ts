import { defined } from "@umbra/shadow/defined";
import { isMap, isScalar, isSeq, LineCounter, type Node } from "yaml";
import { didYouMean } from "../nearest.ts";
import { annotationNames, credentialsAnnotation } from "./annotations.ts";
import { readChartValues } from "./chart-values.ts";
import { readConfigMap } from "./config-map.ts";
import { type DocumentProblem, parseDocuments } from "./documents.ts";
import { readParametersRef } from "./envoy-proxy.ts";
import { createBudget, inspectDocument } from "./inspect.ts";
import { lostWithout, meantKind, quietKinds, type Read, readerOf } from "./kinds.ts";
import type { Meta } from "./meta.ts";
import { namespaceOf, resourceName as readName } from "./names.ts";
import { isPickerConfig, readPickerConfigResource } from "./picker-config.ts";
import { Reader } from "./reader.ts";
import { createRecorder, type Recorder, type Step } from "./recorder.ts";
import type { Start } from "./report.ts";
import { type Compiling, createSource, placeAt } from "./source.ts";
import { readUnread } from "./unread.ts";

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
    const source = createSource({
      ...{ file, lines, start, text, report, spend, isSecret, compiling },
    });
    inspectDocument(contents, source);
    readDocument(new Reader(source, contents), into);
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

function readDocument(root: Reader, into: Recorder): void {
  if (!root.isMap()) {
    const message =
      "this document is not a resource: a resource is a map with apiVersion, kind and metadata";
    root.report("error", "UMB0102", message);
    return;
  }
  const { value: values, isBroken } = root.part(() => readChartValues(root));
  if (values !== undefined) {
    into.add("configMaps", values.configMap);
    if (values.picker !== undefined) into.add("pickerDeployments", values.picker);
    return;
  }
  const kind = root.required("kind");
  const apiVersion = root.required("apiVersion");
  if (kind === undefined || apiVersion === undefined) return;
  // Empty for the core group, whose apiVersion has no group.
  const group = apiVersion.slice(0, Math.max(0, apiVersion.indexOf("/")));
  if (kind === "List") {
    for (const item of root.maps("items")) readDocument(item, into);
  } else if (isPickerConfig(group, kind)) {
    into.add("pickerConfigs", ...sound(root, readPickerConfigResource));
  } else if (group === "" && kind === "ConfigMap") {
    into.add("configMaps", ...sound(root, readConfigMap));
  } else {
    if (kind === "GatewayClass") {
      into.add("parametersRefs", ...readParametersRef(kind, root.map("spec"), "default"));
    }
    const read = readerOf(group, kind);
    if (read === undefined) readOther(root, { group, apiVersion, kind }, into);
    else readKnown(root, { read, kind, isBroken }, into);
  }
}

/** Reads an object; empty if it has an error. */
function sound<T>(root: Reader, read: (root: Reader) => T): readonly T[] {
  const { value, isBroken } = root.part(() => read(root));
  return isBroken ? [] : [value];
}

/** Handles a kind that Umbra does not read. */
function readOther(root: Reader, of: Parameters<typeof readUnread>[1], into: Recorder): void {
  const { group, kind } = of;
  const lost = lostWithout(group, kind);
  if (lost !== undefined) {
    root.unsupported(`${kind} is not supported: ${lost}`, "kind");
  } else if (!quietKinds.has(kind)) {
    const meant = meantKind(group, kind);
    into.add("unread", { ...readUnread(root, of), ...defined({ meant }) });
  }
}

function readKnown(
  root: Reader,
  of: { readonly read: Read; readonly kind: string; readonly isBroken: boolean },
  into: Recorder,
): void {
  const { read, kind } = of;
  const { value, isBroken } = root.part(() => readMeta(root));
  if (value === undefined) return;
  const meta = of.isBroken || isBroken ? { ...value, isBroken: true } : value;
  const { namespace, name } = meta;
  into.object({ read, kind, namespace, name, place: root.place() }, (resources) => {
    const spec = root.map("spec");
    if (spec !== undefined || withoutSpec.has(kind)) read(meta, spec ?? root, root, resources);
    else root.needs("spec");
  });
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
  const place = root.place("kind");
  const places = metadata.placesIn("annotations");
  return {
    name,
    namespace,
    labels: metadata.texts("labels", { isText: true }),
    annotations: metadata.texts("annotations", { isText: true }),
    createdAt: metadata.string("creationTimestamp") ?? "",
    place,
    annotationPlace: (annotation) => places.get(annotation) ?? place,
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
