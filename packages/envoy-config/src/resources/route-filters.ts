import { defined } from "@umbra/shadow/defined";
import { conditionOf } from "../conditions.ts";
import type { ResourceName } from "../diagnostic.ts";
import { noModifier } from "../header-modifier.ts";
import type { HeaderEntry, HeaderModifier, UrlRewrite } from "../topology.ts";
import { readCors } from "./cors.ts";
import { framesMessages, isHeaderName } from "./header-name.ts";
import { readHostname } from "./hostname.ts";
import { readBackendRef, unreadBackend } from "./object-ref.ts";
import type { Reader } from "./reader.ts";
import type { Filters, MirrorFilter, RedirectFilter, RuleBackend } from "./resources.ts";

const million = 1_000_000;

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

type FilterType = (typeof filterTypes)[number];

/** Filters that the API allows several times. */
const repeatable: ReadonlySet<string> = new Set(["RequestMirror", "ExtensionRef"]);

/** Filters that are not supported, with the message and the fix. */
interface Refusal {
  readonly types: readonly FilterType[];
  readonly message: (type: FilterType) => string;
  readonly remedy: string;
}

const ofRules: Refusal = {
  types: ["ExtensionRef", "ExternalAuth"],
  message: (type) => `a filter of type ${type} is not supported`,
  remedy: "remove the filter, and use the model server or a proxy in front of Envoy instead",
};

const ofBackends: Refusal = {
  types: [...ofRules.types, "CORS"],
  message: (type) => `a backend can't have a filter of type ${type}`,
  remedy: "move the filter to the rule, or give the backend its own rule",
};

/** Reads a rule's filters. Reports filters that can't be combined. */
export function readRuleFilters(rule: Reader, route: ResourceName): Filters {
  return readFilters(rule, route, ofRules);
}

/** Reads the filters of one backend: those that work on a cluster, and those that need a separate route. */
export function readBackendFilters(
  backend: Reader,
  route: ResourceName,
): Pick<RuleBackend, "filters" | "routing"> {
  const read = readFilters(backend, route, ofBackends);
  const { requestHeaders, responseHeaders, rewrite, redirect, mirrors } = read;
  const { hostname, path } = rewrite ?? {};
  const changesHeaders = requestHeaders !== noModifier || responseHeaders !== noModifier;
  const isRouted = path !== undefined || redirect !== undefined || mirrors.length > 0;
  const filters = { requestHeaders, responseHeaders, ...defined({ hostname }) };
  return {
    ...(changesHeaders || hostname !== undefined ? { filters } : {}),
    ...(isRouted ? { routing: { path, redirect, mirrors } } : {}),
  };
}

function readFilters(owner: Reader, route: ResourceName, refusal: Refusal): Filters {
  const given = filtersOf(owner, route, refusal);
  const all = <T extends object>(type: FilterType, read: (from: Reader) => T | undefined) =>
    (given.get(type) ?? []).flatMap(
      (filter) => filter.whole(() => settings(filter, settingsOf(type), read)) ?? [],
    );
  const [requestHeaders = noModifier] = all("RequestHeaderModifier", headerModifier);
  const [responseHeaders = noModifier] = all("ResponseHeaderModifier", headerModifier);
  const [rewrite] = all("URLRewrite", urlRewrite);
  const [redirect] = all("RequestRedirect", readRedirect);
  const mirrors = (given.get("RequestMirror") ?? []).map((filter) => {
    const { value, isBroken } = filter.part(() =>
      filter.whole(() => settings(filter, settingsOf("RequestMirror"), mirrorFilter)),
    );
    const read = value ?? { backend: unreadBackend(filter), perMillion: 0 };
    return isBroken ? { ...read, isBroken } : read;
  });
  const [cors] = all("CORS", (from) =>
    readCors(from, (message, key) =>
      notSupported(from, route, message, { remedy: "list the headers", key }),
    ),
  );
  if (redirect !== undefined && rewrite !== undefined) {
    incompatible(owner, route, "RequestRedirect and URLRewrite can't be combined");
  }
  if (redirect !== undefined && mirrors.length > 0) {
    const message = "redirected requests are not mirrored";
    incompatible(owner, route, message, { severity: "warning" });
  }
  return { requestHeaders, responseHeaders, rewrite, redirect, mirrors, ...defined({ cors }) };
}

/** Reports filters that can't be combined in a rule. */
export function incompatible(
  at: Reader,
  route: ResourceName,
  message: string,
  {
    key = "filters",
    severity = "error",
  }: { readonly key?: string; readonly severity?: "error" | "warning" } = {},
): void {
  at.report(severity, "UMB0221", message, key, {
    ...(severity === "error"
      ? { condition: conditionOf(route, "Accepted", "IncompatibleFilters") }
      : {}),
  });
}

function notSupported(
  filter: Reader,
  route: ResourceName,
  message: string,
  { remedy, key }: { readonly remedy: string; readonly key: string },
): void {
  const condition = conditionOf(route, "Accepted", "UnsupportedValue");
  filter.report("error", "UMB0220", message, key, { remedy, condition });
}

/** Groups filters by type. Reports and skips duplicates and unsupported filters. */
function filtersOf(
  owner: Reader,
  route: ResourceName,
  { types, message, remedy }: Refusal,
): ReadonlyMap<FilterType, readonly Reader[]> {
  const byType = new Map<FilterType, Reader[]>();
  for (const filter of owner.maps("filters")) {
    filter.needs("type");
    const type = filter.oneOf("type", filterTypes);
    if (type === undefined) continue;
    const others = byType.get(type) ?? [];
    if (others.length > 0 && !repeatable.has(type)) {
      const text = `duplicate filter of type ${type}: combine both in one`;
      incompatible(filter, route, text, { key: "type" });
      continue;
    }
    byType.set(type, [...others, filter]);
    if (!types.includes(type)) continue;
    notSupported(filter, route, message(type), { remedy, key: "type" });
    filter.whole(() => filter.ignore(settingsOf(type)));
  }
  for (const type of types) byType.delete(type);
  return byType;
}

/** Reads the settings of a filter. Reports missing settings. */
function settings<T>(filter: Reader, key: string, read: (from: Reader) => T): T | undefined {
  filter.needs(key);
  return filter.inner(key, read);
}

/** `urlRewrite`, `cors`. */
function settingsOf(type: FilterType): string {
  return type.replace(/^[A-Z]+(?=[A-Z]|$)|^[A-Z]/, (start) => start.toLowerCase());
}

function headerModifier(from: Reader): HeaderModifier {
  return {
    set: headerEntries(from, "set"),
    add: headerEntries(from, "add"),
    remove: from.strings("remove").flatMap((name) => headerName(from, name, "remove") ?? []),
  };
}

/** Headers that the sidecar and Envoy use between them. */
const steering = /^(?:x-gateway-destination-endpoint|x-umbra-|x-request-id$)/;

/** Names are case-insensitive. The first of two entries wins, as the API requires. */
function headerEntries(from: Reader, key: "set" | "add"): readonly HeaderEntry[] {
  const byName = new Map<string, HeaderEntry>();
  for (const entry of from.maps(key)) {
    const { given, value } = entry.whole(() => ({
      given: entry.required("name"),
      value: entry.string("value") ?? "",
    }));
    const name = given && headerName(entry, given, "name");
    if (name === undefined || byName.has(name)) continue;
    byName.set(name, { name, value });
  }
  return [...byName.values()];
}

/** Returns a header's name in lower case. Header modifiers can't change pseudo-headers or `host`. */
function headerName(at: Reader, name: string, key: string): string | undefined {
  if (!isHeaderName(name)) {
    at.wrong(`\`${name.slice(0, 64)}\` is not a valid header name`, key);
    return undefined;
  }
  const lowered = name.toLowerCase();
  if (framesMessages(lowered)) {
    const remedy = "remove it: Envoy sets it for each message";
    at.wrong(`\`${lowered}\` is set by Envoy and can't be changed`, key, remedy);
    return undefined;
  }
  if (steering.test(lowered)) {
    at.wrong(`\`${lowered}\` controls Umbra and can't be changed`, key);
    return undefined;
  }
  if (lowered !== "host") return lowered;
  const remedy = "use a URLRewrite filter with `hostname`";
  at.wrong("a header modifier can't change `Host`", key, remedy);
  return undefined;
}

function urlRewrite(from: Reader): UrlRewrite {
  const hostname = readHostname(from, "hostname", { isPrecise: true });
  return defined({ hostname, path: from.inner("path", pathModifier) });
}

function pathModifier(from: Reader): UrlRewrite["path"] {
  from.needs("type");
  const type = from.oneOf("type", ["ReplaceFullPath", "ReplacePrefixMatch"]);
  if (type === undefined) {
    from.ignore("replaceFullPath", "replacePrefixMatch");
    return undefined;
  }
  const key = type === "ReplaceFullPath" ? "replaceFullPath" : "replacePrefixMatch";
  from.needs(key);
  const value = from.string(key) || "/";
  if (!value.startsWith("/")) from.wrong(`\`${key}\` must begin with /`, key);
  return { kind: key, value };
}

const statusCodes: readonly number[] = [301, 302, 303, 307, 308];

function readRedirect(from: Reader): RedirectFilter {
  const statusCode = from.integer("statusCode", 301, 308) ?? 302;
  if (!statusCodes.includes(statusCode)) {
    from.wrong(`\`statusCode\` must be one of ${statusCodes.join(", ")}`, "statusCode");
  }
  return {
    scheme: from.oneOf("scheme", ["http", "https"]),
    hostname: readHostname(from, "hostname", { isPrecise: true }),
    port: from.integer("port", 1, 65_535),
    path: from.inner("path", pathModifier),
    statusCode,
  };
}

function mirrorFilter(mirror: Reader): MirrorFilter | undefined {
  const percent = mirror.integer("percent", 0, 100);
  const fraction = mirror.inner("fraction", readFraction);
  mirror.needs("backendRef");
  if (percent !== undefined && fraction !== undefined) {
    mirror.wrong("give either `percent` or `fraction`", "fraction");
  }
  const backend = mirror.inner("backendRef", (ref) => {
    ref.ignore("weight", "filters");
    return readBackendRef(ref);
  });
  const share = fraction ?? (percent ?? 100) / 100;
  return backend && { backend, perMillion: Math.round(share * million) };
}

function readFraction(from: Reader): number {
  const numerator = from.integer("numerator", 0, 2 ** 31 - 1) ?? 0;
  const denominator = from.integer("denominator", 1, 2 ** 31 - 1) ?? 100;
  if (numerator <= denominator) return numerator / denominator;
  from.wrong("`numerator` must not be larger than `denominator`", "numerator");
  return 0;
}
