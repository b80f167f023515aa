import type { Reader } from "./reader.ts";
import type { LabelRequirement, UnreadResource, UnreadTarget } from "./resources.ts";

/** On an unread object that restricts or protects: what it asks for is enforced in front of or behind Umbra. */
export const enforcedElsewhereAnnotation = "umbra.dev/enforced-elsewhere";

/** Only definitions and permissions: large, and never about requests. */
const silentGroups: ReadonlySet<string> = new Set([
  "apiextensions.k8s.io",
  "rbac.authorization.k8s.io",
  "admissionregistration.k8s.io",
]);

/** Reads of an object of another kind only what it is about. Reports nothing: its fields are not ours to judge. */
export function readUnread(root: Reader, apiVersion: string, kind: string): UnreadResource {
  const group = apiVersion.includes("/") ? (apiVersion.split("/", 1)[0] ?? "") : "";
  const metadata = asMap(root.jsonValue("metadata"));
  const namespace = textOf(metadata.namespace) ?? "default";
  const annotations = asMap(metadata.annotations);
  const found: Found = { targets: [], selectors: [], hosts: [], fields: [], filters: [] };
  const spec = silentGroups.has(group) ? {} : asMap(root.jsonValue("spec"));
  walk(spec, "", { left: maxNodes, namespace, found });
  return {
    group,
    apiVersion,
    kind,
    name: textOf(metadata.name) ?? "",
    namespace,
    ...found,
    isEnforcedElsewhere: String(annotations[enforcedElsewhereAnnotation]) === "true",
    place: root.place("kind"),
  };
}

type JsonMap = Readonly<Record<string, unknown>>;

type Found = {
  readonly [K in
    | "targets"
    | "selectors"
    | "hosts"
    | "fields"
    | "filters"]: UnreadResource[K][number][];
};

interface Walk {
  left: number;
  readonly namespace: string;
  readonly found: Found;
}

const maxNodes = 20_000;
const maxDepth = 12;

/** Keys whose maps name an object, and what they name where `kind` is left out. */
const references: ReadonlyMap<
  string,
  { readonly relation: UnreadTarget["relation"]; readonly kind?: string }
> = new Map([
  ["targetRef", { relation: "targets" }],
  ["targetRefs", { relation: "targets" }],
  ["targetSelectors", { relation: "targets" }],
  ["parentRef", { relation: "is attached to", kind: "Gateway" }],
  ["parentRefs", { relation: "is attached to", kind: "Gateway" }],
  ["backendRef", { relation: "refers to", kind: "Service" }],
  ["backendRefs", { relation: "refers to", kind: "Service" }],
  ["backend", { relation: "refers to", kind: "Service" }],
  ["service", { relation: "refers to", kind: "Service" }],
  ["poolRef", { relation: "refers to", kind: "InferencePool" }],
  ["poolRefs", { relation: "refers to", kind: "InferencePool" }],
]);

function walk(value: unknown, key: string, state: Walk, depth = 0): void {
  if (depth > maxDepth || state.left-- <= 0) return;
  if (Array.isArray(value)) {
    for (const item of value) walk(item, key, state, depth + 1);
    return;
  }
  const { found } = state;
  const text = textOf(value);
  if (text !== undefined) {
    if (/^hosts?$/.test(key)) found.hosts.push(text);
    if (/^envoy\.filters\./.test(text)) found.filters.push(text);
    return;
  }
  const map = asMap(value);
  const target = targetOf(map, key, state.namespace);
  if (target !== undefined) found.targets.push(target);
  if (target === undefined && isPodSelector(key)) {
    found.selectors.push(requirementsOf(map));
    return;
  }
  for (const [name, each] of Object.entries(map)) {
    if (target === undefined && depth < 4) found.fields.push(name);
    walk(each, name, state, depth + 1);
  }
}

function targetOf(map: JsonMap, key: string, namespace: string): UnreadTarget | undefined {
  const { name, group, kind } = map;
  const known = references.get(key);
  const reference = known ?? (textOf(kind) === undefined ? undefined : { relation: "refers to" });
  const kindName = textOf(kind) ?? known?.kind;
  const labels = map.matchLabels !== undefined || map.matchExpressions !== undefined;
  if (reference === undefined || kindName === undefined) return undefined;
  if (textOf(name) === undefined && !(labels && known?.relation === "targets")) return undefined;
  return {
    relation: reference.relation as UnreadTarget["relation"],
    ...(textOf(group) === undefined ? {} : { group: textOf(group) as string }),
    kind: kindName,
    ...(textOf(name) === undefined
      ? { selector: requirementsOf(map) }
      : { name: textOf(name) as string }),
    namespace: textOf(map.namespace) ?? namespace,
  };
}

/** `selector`, `workloadSelector`, `podSelector`, `endpointSelector`; selectors of namespaces are about no Pod. */
function isPodSelector(key: string): boolean {
  return /selector$/i.test(key) && !/^(?:namespace|object|node)selector$/i.test(key);
}

/** `matchLabels`, `labels`, or the labels themselves; an empty list is met by every Pod. */
function requirementsOf(map: JsonMap): readonly LabelRequirement[] {
  const labels = map.matchLabels ?? map.labels ?? (map.matchExpressions === undefined ? map : {});
  const equal = Object.entries(asMap(labels)).flatMap(([key, value]): LabelRequirement[] =>
    textOf(value) === undefined ? [] : [{ key, operator: "In", values: [String(value)] }],
  );
  const expressions = Array.isArray(map.matchExpressions) ? map.matchExpressions : [];
  return [
    ...equal,
    ...expressions.flatMap((each: unknown): LabelRequirement[] => {
      const { key, operator, values } = asMap(each);
      const isKnown = ["In", "NotIn", "Exists", "DoesNotExist"].includes(String(operator));
      if (textOf(key) === undefined || !isKnown) return [];
      return [
        {
          key: String(key),
          operator: operator as LabelRequirement["operator"],
          values: Array.isArray(values) ? values.map(String) : [],
        },
      ];
    }),
  ];
}

function asMap(value: unknown): JsonMap {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as JsonMap)
    : {};
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
