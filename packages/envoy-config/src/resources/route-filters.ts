import { notAccepted } from "../conditions.ts";
import type { ResourceName } from "../diagnostic.ts";
import type {
  BackendFilters,
  CorsPolicy,
  HeaderEntry,
  HeaderModifier,
  UrlRewrite,
} from "../topology.ts";
import { readBackendRef } from "./backend-ref.ts";
import { readCors } from "./cors.ts";
import { isHeaderName } from "./header-name.ts";
import { readHostname } from "./hostname.ts";
import type { Reader } from "./reader.ts";
import type { BackendRouting, MirrorFilter, RedirectFilter } from "./route-resource.ts";

const million = 1_000_000;

/** The filters of a rule, or of one of its backends. */
export interface Filters {
  readonly requestHeaders: HeaderModifier;
  readonly responseHeaders: HeaderModifier;
  readonly rewrite: UrlRewrite | undefined;
  readonly redirect: RedirectFilter | undefined;
  readonly mirrors: readonly MirrorFilter[];
  readonly cors?: CorsPolicy;
}

const filterTypes = [
  "RequestHeaderModifier",
  "ResponseHeaderModifier",
  "URLRewrite",
  "RequestRedirect",
  "RequestMirror",
  "CORS",
  "ExtensionRef",
  "ExternalAuth",
] as const;

/** The API lets these stand several times. */
const repeatable: ReadonlySet<string> = new Set(["RequestMirror", "ExtensionRef"]);

/** Reads a rule's filters; those that exclude each other are reported. */
export function readRuleFilters(rule: Reader, route: ResourceName): Filters {
  return readFilters(rule, route, (filter, type) => {
    notSupported(filter, route, `a filter of type ${type} is not supported`, {
      remedy: "remove the filter, and let the model server or a proxy before Envoy do its work",
    });
  });
}

/** Filters of a single backend: what Envoy does beside the choice of a cluster, and what needs a route. */
export interface OwnFilters {
  readonly filters?: BackendFilters;
  readonly routing?: BackendRouting;
}

/** Reads the filters of one backend. */
export function readBackendFilters(backend: Reader, route: ResourceName): OwnFilters {
  const { requestHeaders, responseHeaders, rewrite, redirect, mirrors } = readFilters(
    backend,
    route,
    (filter, type) => {
      notSupported(filter, route, `a backend can't have a filter of type ${type}`, {
        remedy: "move the filter to the rule, or give the backend a rule of its own",
      });
    },
    ["CORS"],
  );
  const { hostname, path } = rewrite ?? {};
  const changesHeaders = requestHeaders !== noModifier || responseHeaders !== noModifier;
  const isRouted = path !== undefined || redirect !== undefined || mirrors.length > 0;
  const filters = {
    ...{ requestHeaders, responseHeaders },
    ...(hostname === undefined ? {} : { hostname }),
  };
  return {
    ...(changesHeaders || hostname !== undefined ? { filters } : {}),
    ...(isRouted ? { routing: { path, redirect, mirrors } } : {}),
  };
}

function readFilters(
  owner: Reader,
  route: ResourceName,
  refuse: (filter: Reader, type: Given["type"]) => void,
  refused: readonly Given["type"][] = [],
): Filters {
  const filters = {
    requestHeaders: noModifier,
    responseHeaders: noModifier,
    rewrite: undefined as UrlRewrite | undefined,
    redirect: undefined as RedirectFilter | undefined,
    mirrors: [] as MirrorFilter[],
    cors: undefined as CorsPolicy | undefined,
  };
  for (const { type, filter } of filtersOf(owner, route)) {
    switch (refused.includes(type) ? undefined : type) {
      case "RequestHeaderModifier":
        filters.requestHeaders = headerModifier(settings(filter, "requestHeaderModifier"));
        break;
      case "ResponseHeaderModifier":
        filters.responseHeaders = headerModifier(settings(filter, "responseHeaderModifier"));
        break;
      case "URLRewrite":
        filters.rewrite = urlRewrite(settings(filter, "urlRewrite"));
        break;
      case "RequestRedirect":
        filters.redirect = redirect(settings(filter, "requestRedirect"));
        break;
      case "RequestMirror": {
        const mirror = settings(filter, "requestMirror");
        const read = mirror === undefined ? undefined : mirrorFilter(mirror);
        if (read !== undefined) filters.mirrors.push(read);
        break;
      }
      case "CORS":
        filters.cors = corsPolicy(filter, route);
        break;
      default:
        refuse(filter, type);
        filter.has(settingsOf(type));
    }
    filter.warnUnknown();
  }
  if (filters.redirect !== undefined && filters.rewrite !== undefined) {
    incompatible(owner, route, "RequestRedirect and URLRewrite exclude each other", "filters");
  }
  if (filters.redirect !== undefined && filters.mirrors.length > 0) {
    const message = "a request that is redirected is mirrored to nobody";
    incompatible(owner, route, message, "filters", "warning");
  }
  const { cors, ...others } = filters;
  return { ...others, ...(cors === undefined ? {} : { cors }) };
}

function corsPolicy(filter: Reader, route: ResourceName): CorsPolicy | undefined {
  const from = settings(filter, "cors");
  return readCors(from, (message, key) =>
    notSupported(from ?? filter, route, message, { remedy: "name the headers" }, key),
  );
}

/** Reports filters that a rule may not have together. */
export function incompatible(
  at: Reader,
  route: ResourceName,
  message: string,
  key?: string,
  severity: "error" | "warning" = "error",
): void {
  at.report(severity, "UMB0221", message, key, {
    ...(severity === "error" ? { condition: notAccepted(route, "IncompatibleFilters") } : {}),
  });
}

function notSupported(
  filter: Reader,
  route: ResourceName,
  message: string,
  extras: { readonly remedy: string },
  key = "type",
): void {
  const condition = notAccepted(route, "UnsupportedValue");
  filter.report("error", "UMB0220", message, key, { ...extras, condition });
}

interface Given {
  readonly type: (typeof filterTypes)[number];
  readonly filter: Reader;
}

/** Each with its type; the second of two with one type is reported and left out. */
function filtersOf(owner: Reader, route: ResourceName): readonly Given[] {
  const seen = new Set<string>();
  return owner.maps("filters").flatMap((filter) => {
    if (!filter.has("type")) filter.required("type");
    const type = filter.oneOf("type", filterTypes);
    if (type === undefined) return [];
    if (seen.has(type) && !repeatable.has(type)) {
      incompatible(filter, route, `a second filter of type ${type}: put both in one`, "type");
      return [];
    }
    seen.add(type);
    return [{ type, filter }];
  });
}

/** `urlRewrite` of a URLRewrite; reported where it is missing. */
function settings(filter: Reader, key: string): Reader | undefined {
  const read = filter.map(key);
  if (read === undefined && !filter.has(key))
    filter.report("error", "UMB0103", `\`${key}\` is missing`);
  return read;
}

function settingsOf(type: Given["type"]): string {
  return type === "CORS" ? "cors" : `${type.charAt(0).toLowerCase()}${type.slice(1)}`;
}

const noModifier: HeaderModifier = { set: [], add: [], remove: [] };

function headerModifier(from: Reader | undefined): HeaderModifier {
  if (from === undefined) return noModifier;
  const read = {
    set: headerEntries(from, "set"),
    add: headerEntries(from, "add"),
    remove: from.strings("remove").flatMap((name) => headerName(from, name, "remove") ?? []),
  };
  from.warnUnknown();
  return read;
}

/** Headers by which the sidecar and Envoy understand each other. */
const steering = /^(?:x-gateway-destination-endpoint|x-umbra-)/;

/** Names are equal without regard to case; the first of two counts, as the API says. */
function headerEntries(from: Reader, key: "set" | "add"): readonly HeaderEntry[] {
  const byName = new Map<string, HeaderEntry>();
  for (const entry of from.maps(key)) {
    const given = entry.required("name");
    const name = given === undefined ? undefined : headerName(entry, given, "name");
    const value = entry.string("value") ?? "";
    entry.warnUnknown();
    if (name === undefined || byName.has(name)) continue;
    if (steering.test(name)) {
      entry.report("error", "UMB0104", `\`${name}\` steers Umbra and can't be set`, "name");
      continue;
    }
    byName.set(name, { name, value });
  }
  return [...byName.values()];
}

/** A header's name in lower case; Envoy changes neither pseudo-headers nor `host` this way. */
function headerName(at: Reader, name: string, key: string): string | undefined {
  if (!isHeaderName(name)) {
    at.report("error", "UMB0104", `\`${name.slice(0, 64)}\` is no name of a header`, key);
    return undefined;
  }
  if (name.toLowerCase() !== "host") return name.toLowerCase();
  at.report("error", "UMB0104", "`Host` is not changed by a header modifier", key, {
    remedy: "use a URLRewrite filter with `hostname`",
  });
  return undefined;
}

function urlRewrite(from: Reader | undefined): UrlRewrite | undefined {
  if (from === undefined) return undefined;
  const hostname = readHostname(from, "hostname", { isPrecise: true });
  const path = pathModifier(from.map("path"));
  from.warnUnknown();
  return {
    ...(hostname === undefined ? {} : { hostname }),
    ...(path === undefined ? {} : { path }),
  };
}

function pathModifier(from: Reader | undefined): UrlRewrite["path"] {
  if (from === undefined) return undefined;
  if (!from.has("type")) from.required("type");
  const type = from.oneOf("type", ["ReplaceFullPath", "ReplacePrefixMatch"]);
  if (type === undefined) return undefined;
  const key = type === "ReplaceFullPath" ? "replaceFullPath" : "replacePrefixMatch";
  const value = from.string(key);
  if (value === undefined && !from.has(key))
    from.report("error", "UMB0103", `\`${key}\` is missing`);
  if (value !== undefined && value !== "" && !value.startsWith("/"))
    from.report("error", "UMB0104", `\`${key}\` must begin with /`, key);
  from.warnUnknown();
  return { kind: key, value: value === undefined || value === "" ? "/" : value };
}

const statusCodes: readonly number[] = [301, 302, 303, 307, 308];

function redirect(from: Reader | undefined): RedirectFilter | undefined {
  if (from === undefined) return undefined;
  const statusCode = from.integer("statusCode", 301, 308) ?? 302;
  if (!statusCodes.includes(statusCode)) {
    const known = statusCodes.join(", ");
    from.report("error", "UMB0104", `\`statusCode\` must be one of ${known}`, "statusCode");
  }
  const read = {
    scheme: from.oneOf("scheme", ["http", "https"]),
    hostname: readHostname(from, "hostname", { isPrecise: true }),
    port: from.integer("port", 1, 65_535),
    path: pathModifier(from.map("path")),
    statusCode,
  };
  from.warnUnknown();
  return read;
}

function mirrorFilter(mirror: Reader): MirrorFilter | undefined {
  const percent = mirror.integer("percent", 0, 100);
  const fraction = mirror.map("fraction");
  const ref = mirror.map("backendRef");
  if (ref === undefined) mirror.report("error", "UMB0103", "`backendRef` is missing");
  if (percent !== undefined && fraction !== undefined) {
    mirror.report("error", "UMB0104", "give either `percent` or `fraction`", "fraction");
  }
  const backend = ref === undefined ? undefined : readBackendRef(ref);
  const share = fraction === undefined ? (percent ?? 100) / 100 : fractionOf(fraction);
  mirror.warnUnknown();
  return backend === undefined ? undefined : { backend, perMillion: Math.round(share * million) };
}

function fractionOf(fraction: Reader): number {
  const numerator = fraction.integer("numerator", 0, 2 ** 31 - 1) ?? 0;
  const denominator = fraction.integer("denominator", 1, 2 ** 31 - 1) ?? 100;
  fraction.warnUnknown();
  if (numerator <= denominator) return numerator / denominator;
  fraction.report(
    "error",
    "UMB0104",
    "`numerator` must not be larger than `denominator`",
    "numerator",
  );
  return 0;
}
