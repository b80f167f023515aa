import { isMap, isScalar, isSeq, LineCounter, type Node } from "yaml";
import type { Diagnostic } from "../diagnostic.ts";
import { nearest } from "../nearest.ts";
import { readBackendTlsPolicy } from "./backend-tls.ts";
import { readChartValues } from "./chart-values.ts";
import { readConfigMap } from "./config-map.ts";
import {
  readDeployment,
  readEndpointSlice,
  readPod,
  readReferenceGrant,
  readService,
} from "./core.ts";
import { parseDocuments } from "./documents.ts";
import { readEnvoyProxy, readParametersRef } from "./envoy-proxy.ts";
import { readEnvoySettings } from "./envoy-settings.ts";
import { decodeFile } from "./file-text.ts";
import { readGateway } from "./gateway.ts";
import { readHttpRoute } from "./http-route.ts";
import {
  readInferenceModel,
  readInferenceModelRewrite,
  readInferenceObjective,
  readInferencePool,
} from "./inference.ts";
import { createBudget, inspectDocument } from "./inspect.ts";
import type { Meta } from "./meta.ts";
import { namespaceOf, resourceName } from "./names.ts";
import { isPickerConfig, readPickerConfigResource } from "./picker-config.ts";
import { readPickerDeployment } from "./picker-deployment.ts";
import { Reader } from "./reader.ts";
import type { Report } from "./report.ts";
import { createReport, type ReportSink } from "./report.ts";
import type { Resources } from "./resources.ts";
import { readSecret } from "./secret.ts";
import { readShadowPolicy } from "./shadow-policy.ts";
import type { Source } from "./source.ts";
import { readUnread } from "./unread.ts";

/** A file, as the user named it. */
export interface SourceFile {
  readonly name: string;
  /** As bytes where it is still to be seen whether it is UTF-8. */
  readonly text: string | Uint8Array;
}

export interface ReadResources {
  readonly resources: Resources;
  readonly diagnostics: Diagnostic[];
  readonly report: Report;
}

/** Reads every document of every file; all that is wrong is reported in one pass. Never throws. */
export function readResources(files: readonly SourceFile[]): ReadResources {
  const sink = createReport();
  const resources: Resources = {
    gateways: [],
    routes: [],
    pools: [],
    models: [],
    services: [],
    pods: [],
    slices: [],
    grants: [],
    namespaces: [],
    secrets: [],
    deployments: [],
    policies: [],
    rewrites: [],
    objectives: [],
    pickerConfigs: [],
    pickerDeployments: [],
    envoySettings: [],
    envoyProxies: [],
    parametersRefs: [],
    unread: [],
    configMaps: [],
    tlsPolicies: [],
  };
  const seen = new Set<string>();
  for (const file of files) readFile(file, resources, seen, sink);
  return { resources, diagnostics: sink.diagnostics, report: sink.report };
}

function readFile(
  { name: file, text: content }: SourceFile,
  into: Resources,
  seen: Set<string>,
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
      const { line, col } = lines.linePos(offset);
      const place = { file, line: Math.max(1, line), column: Math.max(1, col) };
      report("error", code, mayHoldSecret(text) ? { ...place, isSecret: true } : place, message);
      continue;
    }
    const { contents } = parsed.document;
    // A `---` with nothing behind it.
    if (contents === null || (isScalar(contents) && contents.value === null)) continue;
    if (isEnvoyFile(contents)) {
      const { line, col } = lines.linePos(contents.range?.[0] ?? 0);
      report("info", "UMB0107", { file, line, column: col }, envoyFileMessage);
      continue;
    }
    const [start = 0, , end = text.length] = contents.range ?? [];
    const isSecret = mayHoldSecret(text.slice(start, end));
    const aliases = new Map<Node, Node>();
    const source: Source = { file, lines, text, report, aliases, spend, isSecret };
    inspectDocument(contents, source);
    readDocument(source, contents, into, seen);
  }
}

const envoyFileMessage =
  "a configuration of Envoy is left out: Umbra renders these, and does not read them";

/** A bootstrap, or a part of one, that was rendered into the same folder. */
function isEnvoyFile(contents: Node): boolean {
  if (!isMap(contents) || contents.has("kind") || contents.has("apiVersion")) return false;
  if (contents.has("static_resources") || contents.has("dynamic_resources")) return true;
  const resources = contents.get("resources");
  const first: unknown = isSeq(resources) ? resources.items[0] : undefined;
  return isMap(first) && first.has("@type");
}

/** A look at the text, because a document that can't be read has no kind. */
function mayHoldSecret(text: string): boolean {
  return /\bkind["']?\s*:\s*["']?Secret\b/.test(text);
}

function readDocument(source: Source, contents: Node, into: Resources, seen: Set<string>): void {
  const root = new Reader(source, contents);
  if (!isMap(contents)) {
    root.report(
      "error",
      "UMB0102",
      "this document is not a resource: it must be a map with apiVersion, kind and metadata",
    );
    return;
  }
  const values = readChartValues(root);
  if (values !== undefined) {
    into.configMaps.push(values.configMap);
    if (values.picker !== undefined) into.pickerDeployments.push(values.picker);
    return;
  }
  const kind = root.required("kind");
  const apiVersion = root.required("apiVersion");
  if (kind === undefined || apiVersion === undefined) return;
  if (kind === "List") {
    // A list's items are maps of the same file.
    for (const item of root.items("items")) readDocument(source, item, into, seen);
    return;
  }
  const group = apiVersion.includes("/") ? (apiVersion.split("/", 1)[0] ?? "") : "";
  if (isPickerConfig(group, kind)) {
    into.pickerConfigs.push(readPickerConfigResource(root, contents));
    return;
  }
  if (group === "" && kind === "ConfigMap") {
    into.configMaps.push(readConfigMap(root));
    return;
  }
  if (kind === "GatewayClass") {
    into.parametersRefs.push(...readParametersRef(kind, root.map("spec"), "default"));
  }
  const read = readers.get(`${group}/${kind}`);
  if (read === undefined) {
    const lost = group === gatewayApi ? unserved.get(kind) : undefined;
    if (lost !== undefined) {
      root.report("warning", "UMB0208", `${kind} is not supported: ${lost}`, "kind");
    } else if (!quietKinds.has(kind)) {
      const meant = meantKind(group, kind);
      const unread = readUnread(root, apiVersion, kind);
      into.unread.push(meant === undefined ? unread : { ...unread, meant });
    }
    return;
  }
  const meta = readMeta(root);
  if (meta === undefined) return;
  const key = `${group}/${kind}/${meta.namespace}/${meta.name}`;
  if (seen.has(key)) {
    root.report("error", "UMB0106", `${kind} "${meta.namespace}/${meta.name}" stands twice`);
    return;
  }
  seen.add(key);
  const spec = root.map("spec");
  if (spec === undefined && !withoutSpec.has(kind)) {
    if (!root.has("spec")) root.report("error", "UMB0103", "`spec` is missing");
    return;
  }
  read(meta, spec ?? root, root, into);
}

const withoutSpec: ReadonlySet<string> = new Set(["EndpointSlice", "Namespace", "Secret"]);

/** A slip in the kind, or the group left out. */
function meantKind(group: string, kind: string): string | undefined {
  const known = [...readers.keys()].map((key) => key.split("/", 2) as [string, string]);
  const near = nearest(
    kind,
    known.flatMap(([of, name]) => (of === group ? name : [])),
  );
  if (near !== undefined) return `did you mean \`${near}\`?`;
  const [other] = group === "" ? (known.find(([, name]) => name === kind) ?? []) : [];
  return other === undefined
    ? undefined
    : `${kind} is of the group ${other}: begin apiVersion with it`;
}

/** Kinds that stand in the same files and say nothing about routing. */
const quietKinds: ReadonlySet<string> = new Set(["ServiceAccount", "GatewayClass"]);

const gatewayApi = "gateway.networking.k8s.io";

/** What is missing where these are left out, of the Gateway API. */
const unserved: ReadonlyMap<string, string> = new Map([
  ["GRPCRoute", "its requests are not served"],
  ["TLSRoute", "its connections are not served"],
  ["TCPRoute", "its connections are not served"],
  ["UDPRoute", "its packets are not served"],
  ["ListenerSet", "its listeners are not there"],
]);

type Read = (meta: Meta, spec: Reader, root: Reader, into: Resources) => void;

const readPool =
  (isAlpha: boolean): Read =>
  (meta, spec, _root, into) =>
    into.pools.push(readInferencePool(meta, spec, isAlpha));

const readRewrite: Read = (meta, spec, _root, into) => {
  const rewrite = readInferenceModelRewrite(meta, spec);
  if (rewrite !== undefined) into.rewrites.push(rewrite);
};

const readObjective: Read = (meta, spec, _root, into) => {
  const objective = readInferenceObjective(meta, spec);
  if (objective !== undefined) into.objectives.push(objective);
};

const readers: ReadonlyMap<string, Read> = new Map<string, Read>([
  [
    `${gatewayApi}/Gateway`,
    (meta, spec, _root, into) => {
      into.gateways.push(readGateway(meta, spec));
      const infrastructure = spec.map("infrastructure");
      into.parametersRefs.push(...readParametersRef("Gateway", infrastructure, meta.namespace));
    },
  ],
  [
    `${gatewayApi}/HTTPRoute`,
    (meta, spec, _root, into) => into.routes.push(readHttpRoute(meta, spec)),
  ],
  [
    `${gatewayApi}/ReferenceGrant`,
    (meta, spec, _root, into) => into.grants.push(readReferenceGrant(meta, spec)),
  ],
  ["inference.networking.k8s.io/InferencePool", readPool(false)],
  ["inference.networking.x-k8s.io/InferencePool", readPool(true)],
  [
    "inference.networking.x-k8s.io/InferenceModel",
    (meta, spec, _root, into) => {
      const model = readInferenceModel(meta, spec);
      if (model !== undefined) into.models.push(model);
    },
  ],
  ["llm-d.ai/InferenceObjective", readObjective],
  ["inference.networking.x-k8s.io/InferenceObjective", readObjective],
  ["llm-d.ai/InferenceModelRewrite", readRewrite],
  ["inference.networking.x-k8s.io/InferenceModelRewrite", readRewrite],
  [
    "umbra.dev/ShadowPolicy",
    (meta, spec, _root, into) => into.policies.push(readShadowPolicy(meta, spec)),
  ],
  [
    `${gatewayApi}/BackendTLSPolicy`,
    (meta, spec, _root, into) => {
      const policy = readBackendTlsPolicy(meta, spec);
      if (policy !== undefined) into.tlsPolicies.push(policy);
    },
  ],
  ["/Namespace", (meta, _spec, _root, into) => into.namespaces.push(meta)],
  ["/Secret", (meta, _spec, root, into) => into.secrets.push(readSecret(meta, root))],
  [
    "gateway.envoyproxy.io/EnvoyProxy",
    (meta, spec, _root, into) => into.envoyProxies.push(readEnvoyProxy(meta, spec)),
  ],
  [
    "umbra.dev/EnvoySettings",
    (meta, spec, _root, into) => into.envoySettings.push(readEnvoySettings(meta, spec)),
  ],
  ["/Service", (meta, spec, _root, into) => into.services.push(readService(meta, spec))],
  [
    "/Pod",
    (meta, spec, root, into) => into.pods.push(readPod(meta, root, spec, root.map("status"))),
  ],
  [
    "discovery.k8s.io/EndpointSlice",
    (meta, _spec, root, into) => into.slices.push(readEndpointSlice(meta, root)),
  ],
  [
    "apps/Deployment",
    (meta, spec, _root, into) => {
      const deployment = readDeployment(meta, spec);
      if (deployment !== undefined) into.deployments.push(deployment);
      const picker = readPickerDeployment(meta, spec);
      if (picker !== undefined) into.pickerDeployments.push(picker);
    },
  ],
]);

function readMeta(root: Reader): Meta | undefined {
  const metadata = root.map("metadata");
  if (metadata === undefined) {
    if (!root.has("metadata")) root.report("error", "UMB0103", "`metadata` is missing");
    return undefined;
  }
  const name = resourceName(metadata, "name");
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

/** Annotations of ours; others belong to others. */
const ownAnnotations = [
  "endpoints",
  "picker",
  "pick-mode",
  "model",
  "model-header",
  "sticky",
  "mirror-credentials",
  "metrics-path",
  "metrics-port",
  "metrics-scheme",
  "enforced-elsewhere",
].map((name) => `umbra.dev/${name}`);

function warnUnknownAnnotations(metadata: Reader): void {
  const annotations = metadata.map("annotations");
  annotations?.oneOf("umbra.dev/mirror-credentials", ["keep", "remove"]);
  for (const name of annotations?.keys() ?? []) {
    if (!name.startsWith("umbra.dev/") || ownAnnotations.includes(name)) continue;
    const near = nearest(name, ownAnnotations);
    const remedy = near === undefined ? "remove it" : `did you mean \`${near}\`?`;
    const message = `the annotation \`${name.slice(0, 64)}\` is not known`;
    annotations?.report("warning", "UMB0105", message, name, { remedy });
  }
}
