import { defined } from "@umbra/shadow/defined";
import { asJsonMap, type JsonMap } from "../json-map.ts";
import { enforcedElsewhereAnnotation } from "./annotations.ts";
import { isStringSelector, readStringSelector } from "./calico-selector.ts";
import type { LabelRequirement } from "./meta.ts";
import type { Reader } from "./reader.ts";
import type { UnreadResource, UnreadTarget } from "./unread-resource.ts";

/** Groups with only definitions and permissions: large and never about requests. */
const silentGroups: ReadonlySet<string> = new Set([
  "apiextensions.k8s.io",
  "rbac.authorization.k8s.io",
  "admissionregistration.k8s.io",
]);

/** Reads from an object of another kind only what it refers to. Reports nothing about its fields. */
export function readUnread(
  root: Reader,
  of: Pick<UnreadResource, "group" | "apiVersion" | "kind">,
): UnreadResource {
  const { group, kind } = of;
  const metadata = asJsonMap(root.jsonValue("metadata"));
  const namespace = textOf(metadata.namespace) ?? "default";
  const annotations = asJsonMap(metadata.annotations);
  const found: Found = { targets: [], selectors: [], hosts: [], fields: [], filters: [] };
  const spec = silentGroups.has(group) ? {} : asJsonMap(root.jsonValue("spec"));
  const isNetworkPolicy = kind.endsWith("NetworkPolicy");
  walk(spec, [], { left: maxNodes, namespace, isNetworkPolicy, found });
  return {
    ...of,
    name: textOf(metadata.name) ?? "",
    namespace,
    ...found,
    isEnforcedElsewhere: String(annotations[enforcedElsewhereAnnotation]) === "true",
    place: root.place("kind"),
  };
}

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
  readonly isNetworkPolicy: boolean;
  readonly found: Found;
}

const maxNodes = 20_000;
const maxDepth = 12;

type Reference = Pick<UnreadTarget, "relation"> & Partial<Pick<UnreadTarget, "kind">>;

/** Keys whose maps refer to an object, with the default kind. */
const references: ReadonlyMap<string, Reference> = new Map<string, Reference>([
  ...named({ relation: "targets" }, "targetRef", "targetRefs", "targetSelectors"),
  ...named({ relation: "is attached to", kind: "Gateway" }, "parentRef", "parentRefs"),
  ...named({ relation: "refers to", kind: "Service" }, "backendRef", "backendRefs"),
  ...named({ relation: "refers to", kind: "Service" }, "backend", "service"),
  ...named({ relation: "refers to", kind: "InferencePool" }, "poolRef", "poolRefs"),
]);

function named(reference: Reference, ...keys: readonly string[]) {
  return keys.map((key) => [key, reference] as const);
}

/** The kind of a list of names without kinds, by the two keys above it, for KServe's routers. */
const nestedReferences = [
  { above: "gateway", key: "refs", kind: "Gateway" },
  { above: "http", key: "refs", kind: "HTTPRoute" },
  { above: "pool", key: "ref", kind: "InferencePool" },
] as const;

/** `keys`: the keys above the value. */
function walk(value: unknown, keys: readonly string[], state: Walk, depth = 0): void {
  if (depth > maxDepth || state.left-- <= 0) return;
  if (Array.isArray(value)) {
    for (const item of value) walk(item, keys, state, depth + 1);
    return;
  }
  const { found } = state;
  const key = keys.at(-1) ?? "";
  const text = textOf(value);
  if (text !== undefined) {
    addText(text, key, state);
    return;
  }
  const map = asJsonMap(value);
  const target = targetOf(map, keys, state.namespace);
  if (target !== undefined) found.targets.push(target);
  if (target === undefined && isPodSelector(key, map, state)) {
    found.selectors.push(requirementsOf(map));
    return;
  }
  for (const [name, each] of Object.entries(map)) {
    if (state.isNetworkPolicy && peers.test(name)) continue;
    if (target === undefined && depth < 4) found.fields.push(name);
    walk(each, [...keys, name], state, depth + 1);
  }
}

/** Keys of a network policy that name peers, not the Pods it applies to. */
const peers = /^(?:in|e)gress(?:Deny)?$/;

const filterType =
  /^(?:type\.googleapis\.com\/)?envoy\.(?:extensions|config)\.filters?\.(http|network)\.(\w+)\./;

function addText(text: string, key: string, { namespace, isNetworkPolicy, found }: Walk): void {
  if (/^hosts?$/.test(key)) found.hosts.push(text);
  if (key === "mode" && text === "STRICT") found.fields.push("mode: STRICT");
  if (/^envoy\.filters\./.test(text)) found.filters.push(text);
  const [, layer, filter] = filterType.exec(text.slice(0, 256)) ?? [];
  if (filter !== undefined) found.filters.push(`envoy.filters.${layer}.${filter}`);
  if (key === "gateways") {
    const [name = "", of = namespace] = text.split("/", 2).reverse();
    found.targets.push({ relation: "is attached to", kind: "Gateway", name, namespace: of });
  }
  if (isNetworkPolicy && key === "selector" && isStringSelector(text)) {
    found.selectors.push(readStringSelector(text));
  }
}

function targetOf(
  map: JsonMap,
  keys: readonly string[],
  namespace: string,
): UnreadTarget | undefined {
  const [name, group, kind] = [textOf(map.name), textOf(map.group), textOf(map.kind)];
  const known = references.get(keys.at(-1) ?? "") ?? nestedReference(keys);
  const kindName = kind ?? known?.kind;
  const hasLabels = map.matchLabels !== undefined || map.matchExpressions !== undefined;
  if (kindName === undefined) return undefined;
  if (name === undefined && !(hasLabels && known?.relation === "targets")) return undefined;
  return {
    relation: known?.relation ?? "refers to",
    ...defined({ group }),
    kind: kindName,
    ...(name === undefined ? { selector: requirementsOf(map) } : { name }),
    namespace: textOf(map.namespace) ?? namespace,
  };
}

function nestedReference(keys: readonly string[]): Reference | undefined {
  const [above, key] = keys.slice(-2);
  const found = nestedReferences.find((each) => each.above === above && each.key === key);
  return found && { relation: "refers to", kind: found.kind };
}

/** Selectors with other keys or another shape don't select Pods. Only in network policies does an empty selector match every Pod. */
function isPodSelector(key: string, map: JsonMap, { isNetworkPolicy }: Walk): boolean {
  if (!/^(?:(?:pod|workload|endpoint)S|s)elector$/.test(key)) return false;
  const { matchLabels, matchExpressions, labels = map } = map;
  if (Object.keys(map).length === 0) return isNetworkPolicy;
  if (Object.keys(asJsonMap(matchLabels)).length > 0) return true;
  if (Array.isArray(matchExpressions) && matchExpressions.length > 0) return true;
  if (matchLabels !== undefined || matchExpressions !== undefined) return isNetworkPolicy;
  const values = Object.values(asJsonMap(labels));
  return values.length > 0 && values.every((each) => textOf(each) !== undefined);
}

/** Reads `matchLabels`, `labels`, or the labels themselves. An empty list matches every Pod. */
function requirementsOf(map: JsonMap): readonly LabelRequirement[] {
  const labels = map.matchLabels ?? map.labels ?? (map.matchExpressions === undefined ? map : {});
  const equal = Object.entries(asJsonMap(labels)).flatMap(([key, value]): LabelRequirement[] =>
    textOf(value) === undefined ? [] : [{ key, operator: "In", values: [String(value)] }],
  );
  const expressions = Array.isArray(map.matchExpressions) ? map.matchExpressions : [];
  return [
    ...equal,
    ...expressions.flatMap((each: unknown): LabelRequirement[] => {
      const { key, operator, values } = asJsonMap(each);
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

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
