import { notAccepted } from "../conditions.ts";
import type { ResourceName } from "../diagnostic.ts";
import type { RouteMatch, UrlRewrite, ValueMatch } from "../topology.ts";
import { readBackendRef } from "./backend-ref.ts";
import { durationMs } from "./duration.ts";
import { isHeaderName } from "./header-name.ts";
import { readHostnames } from "./hostname.ts";
import { checkPath, checkRegex } from "./match-values.ts";
import type { Meta } from "./meta.ts";
import type { Reader } from "./reader.ts";
import { readRetry } from "./retry.ts";
import {
  type Filters,
  incompatible,
  readBackendFilters,
  readRuleFilters,
} from "./route-filters.ts";
import type { HttpRoute, ParentRef, RouteRule } from "./route-resource.ts";
import { readSessionPersistence } from "./session-persistence.ts";

const million = 1_000_000;

/** `namespace` and `name` of the whole resource, its kind, its rules. */
export function readHttpRoute(meta: Meta, spec: Reader): HttpRoute {
  const owner = { kind: "HTTPRoute", namespace: meta.namespace, name: meta.name };
  const route = {
    ...meta,
    parents: spec.maps("parentRefs").flatMap((ref) => parentRef(ref, meta.namespace)),
    hostnames: readHostnames(spec, "hostnames"),
    rules: readRules(spec, owner),
  };
  spec.warnUnknown("useDefaultGateways");
  return route;
}

function parentRef(ref: Reader, namespace: string): readonly ParentRef[] {
  const name = ref.required("name");
  const parent = {
    namespace: ref.string("namespace") ?? namespace,
    sectionName: ref.string("sectionName"),
    port: ref.integer("port", 1, 65_535),
    place: ref.place("name"),
  };
  const kind = ref.string("kind") ?? "Gateway";
  const isGateway = kind === "Gateway";
  if (!isGateway) {
    const message = `a parent of kind ${kind.slice(0, 64)} is not supported: it is left out`;
    ref.report("info", "UMB0208", message, "kind");
  }
  ref.warnUnknown("group");
  return name === undefined || !isGateway ? [] : [{ name, ...parent }];
}

function readRules(spec: Reader, route: ResourceName): readonly RouteRule[] {
  const names = new Set<string>();
  return spec.maps("rules").map((of, index) => {
    const { namespace, name } = route;
    const each = of.ofRule({ route: { namespace, name }, index });
    const rule = readRule(each, route);
    if (rule.name !== undefined && names.has(rule.name)) {
      each.report("error", "UMB0104", "another rule of the route has this name", "name");
    }
    if (rule.name !== undefined) names.add(rule.name);
    return rule;
  });
}

function readRule(rule: Reader, route: ResourceName): RouteRule {
  const filters = readRuleFilters(rule, route);
  const given = rule.maps("matches");
  const read = given.map(readMatch);
  const matches = read.length > 0 ? read : [anyPath];
  const place = rule.place();
  const timeouts = readTimeouts(rule.map("timeouts"), route);
  const backends = rule.maps("backendRefs").flatMap((ref) => {
    const weight = ref.integer("weight", 0, million) ?? 1;
    const own = readBackendFilters(ref, route);
    const backend = readBackendRef(ref);
    const { path, redirect } = own.routing ?? {};
    checkReplacement(redirect?.path ?? path, matches, ref, route);
    return backend === undefined ? [] : [{ ...backend, weight, ...own }];
  });
  const retry = rule.map("retry");
  const session = rule.map("sessionPersistence");
  const name = rule.string("name");
  rule.warnUnknown();
  const made = {
    place,
    name,
    matches,
    matchPlaces: given.length > 0 ? given.map((match) => match.place()) : [place],
    ...filters,
    backends,
    ...timeouts,
    ...(retry === undefined ? {} : { retry: readRetry(retry) }),
    ...(session === undefined ? {} : { session: readSessionPersistence(session) }),
  };
  checkTogether(made, rule, route);
  return made;
}

/** What a rule may not have together, beside filters of two types. */
function checkTogether(
  { redirect, rewrite, backends, matches }: Filters & Pick<RouteRule, "backends" | "matches">,
  rule: Reader,
  route: ResourceName,
): void {
  if (redirect !== undefined && backends.length > 0) {
    const message = "a rule that redirects has no backend: remove one of the two";
    incompatible(rule, route, message, "backendRefs");
  }
  checkReplacement(redirect?.path ?? rewrite?.path, matches, rule, route);
}

/** A prefix can be replaced where matches have one. */
function checkReplacement(
  path: UrlRewrite["path"],
  matches: RouteRule["matches"],
  at: Reader,
  route: ResourceName,
): void {
  if (path?.kind !== "replacePrefixMatch") return;
  if (matches.some((match) => match.path.kind !== "prefix")) {
    const message = "`replacePrefixMatch` needs matches of type PathPrefix alone";
    incompatible(at, route, message, "filters");
  } else if (matches.length > 1) {
    const message =
      "a Kubernetes API server takes `replacePrefixMatch` in rules with one match alone";
    incompatible(at, route, message, "filters", "warning");
  }
}

const anyPath: RouteMatch = {
  path: { kind: "prefix", value: "/" },
  headers: [],
  queryParams: [],
};

/** The API has 0 for no limit. */
function readTimeouts(
  timeouts: Reader | undefined,
  route: ResourceName,
): Pick<RouteRule, "timeoutMs" | "backendTimeoutMs"> {
  if (timeouts === undefined) return {};
  const timeoutMs = durationMs(timeouts, "request") || undefined;
  const backendTimeoutMs = durationMs(timeouts, "backendRequest") || undefined;
  timeouts.warnUnknown();
  if (timeoutMs !== undefined && backendTimeoutMs !== undefined && backendTimeoutMs > timeoutMs) {
    const condition = notAccepted(route, "UnsupportedValue");
    const message = "`backendRequest` is longer than `request`, of which it is a part";
    timeouts.report("error", "UMB0222", message, "backendRequest", { condition });
  }
  return {
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(backendTimeoutMs === undefined ? {} : { backendTimeoutMs }),
  };
}

const pathKinds = { Exact: "exact", PathPrefix: "prefix", RegularExpression: "regex" } as const;

function readMatch(match: Reader): RouteMatch {
  const path = match.map("path");
  const kind = path?.oneOf("type", ["Exact", "PathPrefix", "RegularExpression"]) ?? "PathPrefix";
  const value = path?.string("value") ?? "/";
  if (path !== undefined) {
    if (kind === "RegularExpression") checkRegex(path, "value", value);
    else checkPath(path, value);
    path.warnUnknown();
  }
  const method = match.oneOf("method", methods);
  const read = {
    path: { kind: pathKinds[kind], value },
    ...(method === undefined ? {} : { method }),
    headers: valueMatches(match, "headers"),
    queryParams: valueMatches(match, "queryParams"),
  };
  match.warnUnknown();
  return read;
}

const methods = [
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "DELETE",
  "CONNECT",
  "OPTIONS",
  "TRACE",
  "PATCH",
] as const;

/** Of several entries for one name the first counts; the case of a header's name does not. */
function valueMatches(match: Reader, key: "headers" | "queryParams"): readonly ValueMatch[] {
  const names = new Set<string>();
  return match.maps(key).flatMap((each) => {
    const value = valueMatch(each, key === "headers");
    if (value === undefined) return [];
    if (!names.has(value.name)) {
      names.add(value.name);
      return [value];
    }
    const message = "this name stands twice in the match: only its first entry counts";
    each.report("warning", "UMB0111", message, "name");
    return [];
  });
}

function valueMatch(match: Reader, isHeader: boolean): ValueMatch | undefined {
  const name = match.required("name");
  const value = match.required("value") ?? "";
  const isRegex = match.oneOf("type", ["Exact", "RegularExpression"]) === "RegularExpression";
  if (isRegex) checkRegex(match, "value", value);
  match.warnUnknown();
  if (name === undefined) return undefined;
  if (!isHeaderName(name)) {
    const of = isHeader ? "header" : "query parameter";
    match.report("error", "UMB0104", `\`${name.slice(0, 64)}\` is no name of a ${of}`, "name");
    return undefined;
  }
  return { name: isHeader ? name.toLowerCase() : name, kind: isRegex ? "regex" : "exact", value };
}
