/**
 * Finds the rule of an HTTPRoute that answers a request, written only from the Gateway API's documentation: checks
 * every rule for a match, then compares matches in pairs. Slow and independent of Envoy.
 */

export interface RefListener {
  readonly gateway: string;
  readonly name: string;
  readonly port: number;
  readonly hostname?: string;
}

export interface RefValueMatch {
  readonly type: "Exact" | "RegularExpression";
  readonly name: string;
  readonly value: string;
}

export interface RefMatch {
  readonly path?: {
    readonly type: "Exact" | "PathPrefix" | "RegularExpression";
    readonly value: string;
  };
  readonly method?: string;
  readonly headers?: readonly RefValueMatch[];
  readonly queryParams?: readonly RefValueMatch[];
}

export interface RefRoute {
  readonly namespace: string;
  readonly name: string;
  /** RFC 3339; a route without a timestamp is the youngest. */
  readonly createdAt?: string;
  readonly parents: readonly { readonly gateway: string; readonly sectionName?: string }[];
  readonly hostnames: readonly string[];
  /** Without matches, the prefix `/`. */
  readonly rules: readonly {
    readonly matches: readonly RefMatch[];
    /** Weights of backends with their own filters; empty: one backend without filters. */
    readonly weights: readonly number[];
  }[];
}

export interface RefRequest {
  readonly port: number;
  /** As sent by the client: any case, with or without a port. */
  readonly host: string;
  readonly path: string;
  readonly method: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly query: readonly (readonly [name: string, value: string])[];
  /** The request's random number below a million, which selects a weighted backend. */
  readonly draw: number;
}

/** Returns `<namespace>/<name>/<rule index>`, with `-<backend index>` if the rule has weights; undefined for 404. */
export function chosenRule(
  listeners: readonly RefListener[],
  routes: readonly RefRoute[],
  request: RefRequest,
): string | undefined {
  const host = request.host.replace(/:\d+$/, "").toLowerCase();
  const listener = listenerOf(listeners, request.port, host);
  if (listener === undefined) return undefined;
  const candidates = routes
    .filter((route) => isAttached(route, listener))
    .flatMap((route) => candidatesOf(route, host))
    .filter(({ match }) => doesMatch(match, request));
  const [first] = candidates.toSorted(
    (a, b) =>
      byHostname(a, b) || byMatch(a.match, b.match) || byRoute(a.route, b.route) || a.rule - b.rule,
  );
  if (first === undefined) return undefined;
  const { weights = [] } = first.route.rules[first.rule] ?? {};
  const backend = weights.length > 1 ? `-${drawn(weights, request.draw)}` : "";
  return `${first.route.namespace}/${first.route.name}/${first.rule}${backend}`;
}

/** Returns the backend whose share contains the number. */
function drawn(weights: readonly number[], draw: number): number {
  const total = weights.reduce((sum, each) => sum + each, 0);
  const ends = weights.map((_, index) =>
    weights.slice(0, index + 1).reduce((sum, each) => sum + each, 0),
  );
  return ends.findIndex((end) => draw < Math.round((end / total) * 1_000_000));
}

/** "Exact matches before wildcard matches, wildcard matches before fallback; more dots, higher precedence." */
function listenerOf(listeners: readonly RefListener[], port: number, host: string) {
  const dots = (name: string) => name.split(".").length;
  return listeners
    .filter((each) => each.port === port)
    .filter(({ hostname }) => hostname === undefined || isHostMatch(hostname, host))
    .toSorted(({ hostname: a }, { hostname: b }) => {
      if (a === undefined || b === undefined)
        return Number(a === undefined) - Number(b === undefined);
      return Number(a.startsWith("*")) - Number(b.startsWith("*")) || dots(b) - dots(a);
    })[0];
}

function isAttached({ parents }: RefRoute, listener: RefListener): boolean {
  return parents.some(
    ({ gateway, sectionName }) =>
      gateway === listener.gateway && (sectionName === undefined || sectionName === listener.name),
  );
}

interface Candidate {
  readonly route: RefRoute;
  readonly rule: number;
  readonly match: RefMatch;
  /** The most specific hostname of the route that matches the request; absent if the route has none. */
  readonly hostname: string;
}

/** Returns every match of a route, if the route has the request's host. */
function candidatesOf(route: RefRoute, host: string): readonly Candidate[] {
  const matching = route.hostnames.filter((each) => isHostMatch(each, host));
  if (route.hostnames.length > 0 && matching.length === 0) return [];
  const [hostname = ""] = matching.toSorted(
    (a, b) => exactCharacters(b) - exactCharacters(a) || b.length - a.length,
  );
  return route.rules.flatMap(({ matches }, rule) =>
    (matches.length > 0 ? matches : [{}]).map((match) => ({ route, rule, match, hostname })),
  );
}

function isHostMatch(hostname: string, host: string): boolean {
  if (!hostname.startsWith("*.")) return hostname === host;
  return host.endsWith(hostname.slice(1)) && host.length > hostname.length - 1;
}

function exactCharacters(hostname: string): number {
  return hostname.startsWith("*.") ? 0 : hostname.length;
}

/** "The largest number of characters in a matching non-wildcard hostname; characters in a matching hostname." */
function byHostname({ hostname: a }: Candidate, { hostname: b }: Candidate): number {
  return exactCharacters(b) - exactCharacters(a) || b.length - a.length;
}

/**
 * "Exact path match; prefix path match with largest number of characters; method match; largest number of header
 * matches; of query param matches." The API leaves the position of regular expressions open: here between both, longer
 * ones first.
 */
function byMatch(a: RefMatch, b: RefMatch): number {
  const order = ["Exact", "RegularExpression", "PathPrefix"];
  const pathOf = ({ path = { type: "PathPrefix", value: "/" } }: RefMatch) => path;
  return (
    order.indexOf(pathOf(a).type) - order.indexOf(pathOf(b).type) ||
    pathOf(b).value.length - pathOf(a).value.length ||
    Number(b.method !== undefined) - Number(a.method !== undefined) ||
    firstOfEachName(b.headers, true).length - firstOfEachName(a.headers, true).length ||
    firstOfEachName(b.queryParams, false).length - firstOfEachName(a.queryParams, false).length
  );
}

/** "The oldest Route based on creation timestamp; the first in alphabetical order by {namespace}/{name}." */
function byRoute(a: RefRoute, b: RefRoute): number {
  const born = ({ createdAt }: RefRoute) =>
    createdAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(createdAt);
  const fullName = ({ namespace, name }: RefRoute) => `${namespace}/${name}`;
  if (born(a) !== born(b)) return born(a) < born(b) ? -1 : 1;
  if (fullName(a) !== fullName(b)) return fullName(a) < fullName(b) ? -1 : 1;
  return 0;
}

function doesMatch(match: RefMatch, request: RefRequest): boolean {
  return (
    isPathMatch(match.path ?? { type: "PathPrefix", value: "/" }, request.path) &&
    (match.method === undefined || match.method === request.method) &&
    firstOfEachName(match.headers, true).every((each) =>
      isValueMatch(each, request.headers[each.name.toLowerCase()]),
    ) &&
    firstOfEachName(match.queryParams, false).every((each) =>
      isValueMatch(each, request.query.find(([name]) => name === each.name)?.[1]),
    )
  );
}

/** "A path element refers to the list of labels in the path split by the `/` separator." */
function isPathMatch({ type, value }: NonNullable<RefMatch["path"]>, path: string): boolean {
  if (type === "Exact") return path === value;
  if (type === "RegularExpression") return new RegExp(`^(?:${value})$`).test(path);
  const elements = (of: string) => of.split("/").slice(1);
  const wanted = elements(value.replace(/\/$/, ""));
  return wanted.every((each, index) => elements(path)[index] === each);
}

function isValueMatch({ type, value }: RefValueMatch, found: string | undefined): boolean {
  if (found === undefined) return false;
  return type === "Exact" ? found === value : new RegExp(`^(?:${value})$`).test(found);
}

/** "Only the first entry with an equivalent name MUST be considered for a match." */
function firstOfEachName(
  all: readonly RefValueMatch[] = [],
  ignoreCase: boolean,
): readonly RefValueMatch[] {
  const key = ({ name }: RefValueMatch) => (ignoreCase ? name.toLowerCase() : name);
  return all.filter((each, index) => all.findIndex((other) => key(other) === key(each)) === index);
}
