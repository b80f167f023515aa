import { defined } from "@umbra/shadow/defined";
import { didYouMean } from "../nearest.ts";
import { annotationNames, credentialsAnnotation } from "./annotations.ts";
import { readChartValues } from "./chart-values.ts";
import { readConfigMap } from "./config-map.ts";
import { lostWithout, meantKind, quietKinds, type Read, readerOf } from "./kinds.ts";
import type { Meta } from "./meta.ts";
import { namespaceOf, resourceName as readName } from "./names.ts";
import { isPickerConfig, readPickerConfigResource } from "./picker-config.ts";
import type { Reader } from "./reader.ts";
import type { Recorder } from "./recorder.ts";
import { readUnread } from "./unread.ts";

/** Reads a document of a file, or an object of an API server: a resource, or a list of them. */
export function readDocument(root: Reader, into: Recorder): void {
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
    ...defined({ generation: metadata.integer("generation", 0, Number.MAX_SAFE_INTEGER) }),
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
