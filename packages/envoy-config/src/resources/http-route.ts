import type { HeaderModifier, RouteMatch, UrlRewrite, ValueMatch } from "../topology.ts";
import { durationMs } from "./duration.ts";
import type { Reader } from "./reader.ts";
import type {
  BackendRef,
  HttpRoute,
  Meta,
  MirrorFilter,
  ParentRef,
  RedirectFilter,
  RouteRule,
} from "./resources.ts";

const million = 1_000_000;

export function readHttpRoute(meta: Meta, spec: Reader): HttpRoute {
  const route = {
    ...meta,
    parents: spec.maps("parentRefs").flatMap((ref) => parentRef(ref, meta.namespace)),
    hostnames: spec.strings("hostnames").map((name) => name.toLowerCase()),
    rules: spec.maps("rules").map(readRule),
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
  };
  const isGateway = (ref.string("kind") ?? "Gateway") === "Gateway";
  ref.warnUnknown("group");
  return name === undefined || !isGateway ? [] : [{ name, ...parent }];
}

interface Filters {
  requestHeaders: HeaderModifier;
  responseHeaders: HeaderModifier;
  rewrite: UrlRewrite | undefined;
  redirect: RedirectFilter | undefined;
  mirrors: MirrorFilter[];
}

function readRule(rule: Reader): RouteRule {
  const filters = readFilters(rule);
  const given = rule.maps("matches");
  const matches = given.map(readMatch);
  const place = rule.place();
  const timeouts = rule.map("timeouts");
  const backends = rule.maps("backendRefs").flatMap((ref) => {
    const weight = ref.integer("weight", 0, million) ?? 1;
    if (ref.maps("filters").length > 0) {
      ref.report(
        "warning",
        "UMB0208",
        "filters of a single backend are not supported: they are left out",
        "filters",
      );
    }
    const backend = backendRef(ref);
    return backend === undefined ? [] : [{ ...backend, weight }];
  });
  for (const key of ["retry", "sessionPersistence"]) {
    if (rule.has(key))
      rule.report("warning", "UMB0208", `\`${key}\` is not supported: it is left out`, key);
  }
  const name = rule.string("name");
  rule.warnUnknown();
  return {
    place,
    name,
    matches: matches.length > 0 ? matches : [anyPath],
    matchPlaces: given.length > 0 ? given.map((match) => match.place()) : [place],
    ...filters,
    backends,
    timeoutMs: timeouts === undefined ? 0 : timeoutMs(timeouts),
  };
}

const anyPath: RouteMatch = {
  path: { kind: "prefix", value: "/" },
  headers: [],
  queryParams: [],
};

/** 0 means no limit. */
function timeoutMs(timeouts: Reader): number {
  const request = durationMs(timeouts, "request") ?? 0;
  timeouts.warnUnknown("backendRequest");
  return request;
}

const pathKinds = { Exact: "exact", PathPrefix: "prefix", RegularExpression: "regex" } as const;

function readMatch(match: Reader): RouteMatch {
  const path = match.map("path");
  const kind = path?.oneOf("type", ["Exact", "PathPrefix", "RegularExpression"]) ?? "PathPrefix";
  const value = path?.string("value") ?? "/";
  if (kind !== "RegularExpression" && !value.startsWith("/")) {
    path?.report("error", "UMB0104", "`value` must begin with /", "value");
  }
  const method = match.oneOf("method", methods);
  const read = {
    path: { kind: pathKinds[kind], value },
    ...(method === undefined ? {} : { method }),
    headers: match.maps("headers").flatMap((each) => valueMatch(each, true)),
    queryParams: match.maps("queryParams").flatMap((each) => valueMatch(each, false)),
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

function valueMatch(match: Reader, isHeader: boolean): readonly ValueMatch[] {
  const name = match.required("name");
  const value = match.string("value") ?? "";
  const isRegex = match.oneOf("type", ["Exact", "RegularExpression"]) === "RegularExpression";
  if (name === undefined) return [];
  return [{ name: isHeader ? name.toLowerCase() : name, kind: isRegex ? "regex" : "exact", value }];
}

const noModifier: HeaderModifier = { set: [], add: [], remove: [] };

function readFilters(rule: Reader): Filters {
  const filters: Filters = {
    requestHeaders: noModifier,
    responseHeaders: noModifier,
    rewrite: undefined,
    redirect: undefined,
    mirrors: [],
  };
  for (const filter of rule.maps("filters")) {
    switch (filter.required("type")) {
      case "RequestHeaderModifier":
        filters.requestHeaders = headerModifier(filter.map("requestHeaderModifier"));
        break;
      case "ResponseHeaderModifier":
        filters.responseHeaders = headerModifier(filter.map("responseHeaderModifier"));
        break;
      case "URLRewrite":
        filters.rewrite = urlRewrite(filter.map("urlRewrite"));
        break;
      case "RequestRedirect":
        filters.redirect = redirect(filter.map("requestRedirect"));
        break;
      case "RequestMirror": {
        const mirror = filter.map("requestMirror");
        const read = mirror === undefined ? undefined : mirrorFilter(mirror);
        if (read !== undefined) filters.mirrors.push(read);
        break;
      }
      case undefined:
        break;
      default:
        filter.report(
          "error",
          "UMB0208",
          "this filter type is not supported: remove the filter",
          "type",
        );
    }
  }
  return filters;
}

function headerModifier(from: Reader | undefined): HeaderModifier {
  if (from === undefined) return noModifier;
  const entries = (key: string) =>
    from.maps(key).flatMap((entry) => {
      const name = entry.required("name");
      return name === undefined
        ? []
        : [{ name: name.toLowerCase(), value: entry.string("value") ?? "" }];
    });
  return {
    set: entries("set"),
    add: entries("add"),
    remove: from.strings("remove").map((name) => name.toLowerCase()),
  };
}

function urlRewrite(from: Reader | undefined): UrlRewrite | undefined {
  if (from === undefined) return undefined;
  const hostname = from.string("hostname");
  const path = pathModifier(from.map("path"));
  return {
    ...(hostname === undefined ? {} : { hostname }),
    ...(path === undefined ? {} : { path }),
  };
}

function pathModifier(from: Reader | undefined): UrlRewrite["path"] {
  const type = from?.oneOf("type", ["ReplaceFullPath", "ReplacePrefixMatch"]);
  if (from === undefined || type === undefined) return undefined;
  return type === "ReplaceFullPath"
    ? { kind: "replaceFullPath", value: from.string("replaceFullPath") ?? "/" }
    : { kind: "replacePrefixMatch", value: from.string("replacePrefixMatch") ?? "/" };
}

function redirect(from: Reader | undefined): RedirectFilter | undefined {
  if (from === undefined) return undefined;
  return {
    scheme: from.oneOf("scheme", ["http", "https"]),
    hostname: from.string("hostname"),
    port: from.integer("port", 1, 65_535),
    path: pathModifier(from.map("path")),
    statusCode: from.integer("statusCode", 301, 308) ?? 302,
  };
}

function mirrorFilter(mirror: Reader): MirrorFilter | undefined {
  const percent = mirror.integer("percent", 0, 100);
  const fraction = mirror.map("fraction");
  const ref = mirror.map("backendRef");
  if (ref === undefined) mirror.report("error", "UMB0103", "`backendRef` is missing");
  if (percent !== undefined && fraction !== undefined) {
    mirror.report("error", "UMB0104", "give either `percent` or `fraction`", "fraction");
  }
  const backend = ref === undefined ? undefined : backendRef(ref);
  const share = fraction === undefined ? (percent ?? 100) / 100 : fractionOf(fraction);
  mirror.warnUnknown();
  return backend === undefined ? undefined : { backend, perMillion: Math.round(share * million) };
}

function fractionOf(fraction: Reader): number {
  const numerator = fraction.integer("numerator", 0, 2 ** 31 - 1) ?? 0;
  const denominator = fraction.integer("denominator", 1, 2 ** 31 - 1) ?? 100;
  if (numerator <= denominator) return numerator / denominator;
  fraction.report(
    "error",
    "UMB0104",
    "`numerator` must not be larger than `denominator`",
    "numerator",
  );
  return 0;
}

function backendRef(ref: Reader): BackendRef | undefined {
  const name = ref.required("name");
  const kind = ref.string("kind") ?? "Service";
  const port = ref.integer("port", 1, 65_535);
  if (kind === "Service" && port === undefined && !ref.has("port")) {
    ref.report("error", "UMB0103", "`port` is missing: a Service is referred to by port");
  }
  const backend = {
    group: ref.string("group") ?? "",
    kind,
    namespace: ref.string("namespace"),
    port,
    place: ref.place("name"),
  };
  ref.warnUnknown("weight", "filters");
  return name === undefined ? undefined : { name, ...backend };
}
