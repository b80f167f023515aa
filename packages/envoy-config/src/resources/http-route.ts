import { defined } from "@umbra/shadow/defined";
import { conditionOf } from "../conditions.ts";
import type { ResourceName } from "../diagnostic.ts";
import type { RouteMatch, UrlRewrite, ValueMatch } from "../topology.ts";
import { durationMs } from "./duration.ts";
import { isHeaderName } from "./header-name.ts";
import { readHostnames } from "./hostname.ts";
import { checkPath, checkRegex } from "./match-values.ts";
import type { Meta } from "./meta.ts";
import { readBackendRef, readObjectRef, unreadBackend } from "./object-ref.ts";
import type { Reader } from "./reader.ts";
import type { HttpRoute, ParentRef, RouteRule, RuleBackend } from "./resources.ts";
import { readRetry } from "./retry.ts";
import { incompatible, readBackendFilters, readRuleFilters } from "./route-filters.ts";
import { readSessionPersistence } from "./session-persistence.ts";

const million = 1_000_000;

/** Reads an HTTPRoute. */
export function readHttpRoute(meta: Meta, spec: Reader): HttpRoute {
  spec.ignore("useDefaultGateways");
  return {
    ...meta,
    parents: spec.soundParts("parentRefs", (ref) => parentRef(ref, meta.namespace)),
    hostnames: readHostnames(spec, "hostnames"),
    rules: readRules(spec, { kind: "HTTPRoute", namespace: meta.namespace, name: meta.name }),
  };
}

function parentRef(from: Reader, namespace: string): ParentRef | undefined {
  const kind = from.string("kind") ?? "Gateway";
  const ref = readObjectRef(from, kind);
  const givenNamespace = from.string("namespace");
  const parent = {
    namespace: givenNamespace ?? namespace,
    givenNamespace,
    sectionName: from.string("sectionName"),
    port: from.integer("port", 1, 65_535),
  };
  if (kind === "Gateway") return ref && { ...ref, ...parent };
  const message = `a parent of kind ${kind.slice(0, 64)} is not supported and is ignored`;
  from.report("info", "UMB0208", message, "kind");
  return undefined;
}

function readRules(spec: Reader, route: ResourceName): readonly RouteRule[] {
  const names = new Set<string>();
  return spec.maps("rules").map((of, index) => {
    const { namespace, name } = route;
    const each = of.ofRule({ route: { namespace, name }, index });
    const { value: rule, isBroken } = each.part(() => {
      const read = each.whole(() => readRule(each, route));
      if (read.name === undefined) return read;
      if (names.has(read.name)) each.wrong("another rule of the route has this name", "name");
      names.add(read.name);
      return read;
    });
    return isBroken ? { ...rule, isBroken } : rule;
  });
}

function readRule(rule: Reader, route: ResourceName): RouteRule {
  const filters = readRuleFilters(rule, route);
  const given = rule.part(() => rule.maps("matches"));
  const read = rule.part(() => given.value.map((match) => match.whole(readMatch)));
  const matches = read.value.length > 0 ? read.value : [anyPath];
  const place = rule.place();
  const backends = rule
    .parts("backendRefs", (ref) => readBackend(ref, matches, route))
    .map(({ value, isBroken }) => (isBroken ? { ...value, isBroken } : value));
  const { redirect, rewrite } = filters;
  if (redirect !== undefined && backends.length > 0) {
    const message = "a rule with a redirect can't have backends: remove one of the two";
    incompatible(rule, route, message, { key: "backendRefs" });
  }
  checkReplacement(redirect?.path ?? rewrite?.path, matches, rule, route);
  return {
    place,
    name: rule.string("name"),
    matches,
    hasBrokenMatch: given.isBroken || read.isBroken,
    matchPlaces: read.value.length > 0 ? given.value.map((match) => match.place()) : [place],
    ...filters,
    backends,
    ...rule.inner("timeouts", (timeouts) => readTimeouts(timeouts, route)),
    ...defined({
      retry: rule.inner("retry", readRetry),
      session: rule.inner("sessionPersistence", readSessionPersistence),
    }),
  };
}

function readBackend(ref: Reader, matches: RouteRule["matches"], route: ResourceName): RuleBackend {
  const weight = ref.integer("weight", 0, million) ?? 1;
  const own = readBackendFilters(ref, route);
  const backend = readBackendRef(ref);
  const { path, redirect } = own.routing ?? {};
  checkReplacement(redirect?.path ?? path, matches, ref, route);
  return { ...(backend ?? unreadBackend(ref)), weight, ...own };
}

/** `replacePrefixMatch` needs matches with a prefix. */
function checkReplacement(
  path: UrlRewrite["path"],
  matches: RouteRule["matches"],
  at: Reader,
  route: ResourceName,
): void {
  if (path?.kind !== "replacePrefixMatch") return;
  if (matches.some((match) => match.path.kind !== "prefix")) {
    const message = "with `replacePrefixMatch`, all matches must be of type PathPrefix";
    incompatible(at, route, message);
  } else if (matches.length > 1) {
    const message =
      "the Kubernetes API server only accepts `replacePrefixMatch` in rules with exactly one match";
    incompatible(at, route, message, { severity: "warning" });
  }
}

const anyPath: RouteMatch = {
  path: { kind: "prefix", value: "/" },
  headers: [],
  queryParams: [],
};

/** In the API, 0 means no limit. */
function readTimeouts(
  timeouts: Reader,
  route: ResourceName,
): Pick<RouteRule, "timeoutMs" | "backendTimeoutMs"> {
  const timeoutMs = durationMs(timeouts, "request") || undefined;
  const backendTimeoutMs = durationMs(timeouts, "backendRequest") || undefined;
  if (timeoutMs !== undefined && backendTimeoutMs !== undefined && backendTimeoutMs > timeoutMs) {
    const condition = conditionOf(route, "Accepted", "UnsupportedValue");
    const message = "`backendRequest` can't be longer than `request`";
    timeouts.report("error", "UMB0222", message, "backendRequest", { condition });
  }
  return defined({ timeoutMs, backendTimeoutMs });
}

const pathKinds = { Exact: "exact", PathPrefix: "prefix", RegularExpression: "regex" } as const;

function readMatch(match: Reader): RouteMatch {
  const path = match.inner("path", readPath) ?? anyPath.path;
  const method = match.oneOf("method", methods);
  return {
    path,
    ...(method === undefined ? {} : { method }),
    headers: valueMatches(match, "headers"),
    queryParams: valueMatches(match, "queryParams"),
  };
}

function readPath(path: Reader): RouteMatch["path"] {
  const type = path.oneOf("type", ["Exact", "PathPrefix", "RegularExpression"]) ?? "PathPrefix";
  const value = path.string("value") ?? "/";
  if (type === "RegularExpression") checkRegex(path, "value", value);
  else checkPath(path, value);
  return { kind: pathKinds[type], value };
}

const methods = "GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH".split(" ");

/** The first entry of a name wins. Header names are case-insensitive. */
function valueMatches(match: Reader, key: "headers" | "queryParams"): readonly ValueMatch[] {
  const names = new Set<string>();
  return match.each(key, (each) => {
    const value = valueMatch(each, key === "headers");
    if (value === undefined) return undefined;
    if (!names.has(value.name)) {
      names.add(value.name);
      return value;
    }
    const message = "duplicate name in the match: only the first entry is used";
    each.report("warning", "UMB0111", message, "name");
    return undefined;
  });
}

function valueMatch(match: Reader, isHeader: boolean): ValueMatch | undefined {
  const name = match.required("name");
  const value = match.required("value") ?? "";
  const isRegex = match.oneOf("type", ["Exact", "RegularExpression"]) === "RegularExpression";
  if (isRegex) checkRegex(match, "value", value);
  if (name === undefined) return undefined;
  if (!isHeaderName(name)) {
    const of = isHeader ? "header" : "query parameter";
    match.wrong(`\`${name.slice(0, 64)}\` is not a valid name of a ${of}`, "name");
    return undefined;
  }
  return { name: isHeader ? name.toLowerCase() : name, kind: isRegex ? "regex" : "exact", value };
}
