import { combineModifiers } from "../header-modifier.ts";
import { ruleName } from "../names.ts";
import { isRendered, mirrorsOf } from "../queries.ts";
import { withoutLastSlash } from "../rewritten-path.ts";
import { wholeShare } from "../share-draw.ts";
import type {
  Backend,
  BackendFilters,
  HeaderModifier,
  Listener,
  Mirror,
  Pool,
  Route,
  RouteMatch,
  ValueMatch,
  VirtualHost,
} from "../topology.ts";
import { corsFilterName, corsPolicy } from "./cors.ts";
import { because, duration, type EnvoyObject } from "./envoy-object.ts";
import { routeStreams } from "./ext-proc-filter.ts";
import { externalStreams } from "./external-picker.ts";
import { headerChanges } from "./header-changes.ts";
import { mirrorPolicies, type RouteMirroring } from "./mirror-policies.ts";
import { primaryClusterName, unresolvedCluster } from "./names.ts";
import type { BootstrapOptions } from "./options.ts";
import { pathRewrite } from "./path-rewrite.ts";
import { type Entrance, redirect } from "./redirect.ts";
import { requestTimeoutMs, retryPolicy } from "./retry-policy.ts";
import { sessionFilterName, sessionSettings } from "./session.ts";
import { timeSetting } from "./setting.ts";
import { statName } from "./stats.ts";
import { withoutUnderscoreFilter } from "./underscores.ts";
import { onlyUpgrades, upgradedRoute } from "./web-sockets.ts";

/** Input for rendering the routes of a virtual host. */
interface Surroundings {
  readonly entrance: Entrance;
  readonly known: KnownNames;
  readonly options: BootstrapOptions;
}

/** Pools and mirrors that routes refer to, by name, and headers with an underscore that may pass. */
export interface KnownNames {
  readonly pools: Pick<ReadonlyMap<string, Pool>, "get">;
  readonly mirrors: Pick<ReadonlyMap<string, Mirror>, "get">;
  readonly underscores: readonly string[];
}

/** Renders a virtual host with its routes, in the topology's order of precedence. */
export function virtualHost(
  { name, domains, routes }: VirtualHost,
  { port, tls }: Listener,
  known: KnownNames,
  options: BootstrapOptions,
): EnvoyObject {
  const entrance: Entrance = { scheme: tls === undefined ? "http" : "https", port, domains };
  return {
    name: statName(name),
    domains,
    request_body_buffer_limit: because(
      "Without it, the HTTP/2 stream window would also limit a buffered body, and a longer body would get 413.",
      options.maxBodyBytes,
    ),
    routes: routes.flatMap((each) => {
      const around = { entrance, known, options };
      const upgraded = upgradedRoute(each, known.pools);
      const plain = route(each, around);
      return upgraded === undefined ? [plain] : [onlyUpgrades(route(upgraded, around)), plain];
    }),
  };
}

function route(from: Route, around: Surroundings): EnvoyObject {
  const { typed_per_filter_config: streams = {}, ...chosen } = action(from, around);
  const settings = { ...(streams as EnvoyObject), ...filterSettings(from) };
  return {
    name: from.name,
    ...(around.options.routeStats ? { stat_prefix: statName(ruleName(from.origin)) } : {}),
    match: { ...match(from.match), ...shareOf(from) },
    ...chosen,
    ...(Object.keys(settings).length > 0 ? { typed_per_filter_config: settings } : {}),
  };
}

/** Envoy draws one random number per request for all routes, so the ends of the ranges split a match's requests exactly. */
function shareOf({ share }: Route): EnvoyObject {
  return share === undefined || share.to === wholeShare
    ? {}
    : { runtime_fraction: { default_value: { numerator: share.to, denominator: "MILLION" } } };
}

function filterSettings({ cors, session }: Route): EnvoyObject {
  return {
    ...(cors === undefined ? {} : { [corsFilterName]: corsPolicy(cors) }),
    ...(session === undefined ? {} : { [sessionFilterName]: sessionSettings(session) }),
  };
}

function match({ path, method, headers, queryParams }: RouteMatch): EnvoyObject {
  const headerMatches = headers.map(valueMatch);
  if (method !== undefined) {
    headerMatches.unshift({ name: ":method", string_match: { exact: method } });
  }
  return {
    ...pathMatch(path),
    ...(headerMatches.length > 0 ? { headers: headerMatches } : {}),
    ...(queryParams.length > 0 ? { query_parameters: queryParams.map(valueMatch) } : {}),
  };
}

function pathMatch({ kind, value }: RouteMatch["path"]): EnvoyObject {
  switch (kind) {
    case "exact":
      return { path: value };
    case "regex":
      return { safe_regex: { regex: value } };
    case "prefix": {
      // `path_separated_prefix` matches whole segments, but Envoy rejects it for the root.
      const prefix = withoutLastSlash(value);
      return prefix === "" ? { prefix: "/" } : { path_separated_prefix: prefix };
    }
  }
}

function valueMatch({ name, kind, value }: ValueMatch): EnvoyObject {
  return {
    name,
    string_match: kind === "exact" ? { exact: value } : { safe_regex: { regex: value } },
  };
}

function action(from: Route, around: Surroundings): EnvoyObject {
  const { entrance, known, options } = around;
  if (from.action.kind === "redirect") {
    return { ...routeChanges(from), redirect: redirect(from.action, from.match, entrance) };
  }
  const backends = from.action.backends.filter(({ weight }) => weight > 0);
  const [only] = backends;
  if (only === undefined || backends.every(({ kind }) => kind === "invalid")) {
    return { ...routeChanges(from), direct_response: { status: 500 } };
  }
  const isPicked = backends.every(
    (each) => each.kind === "invalid" || known.pools.get(each.pool)?.picker === "umbra",
  );
  const hasOwnChanges = backends.some((each) => filtersOf(each) !== undefined);
  const mirroring = { route: from, mirrors: known.mirrors, isPicked };
  const shared = sharedAction(from, mirroring, hasOwnChanges, options);
  if (backends.length === 1 && !hasOwnChanges) {
    return {
      ...routeChanges(from),
      route: { cluster: backendCluster(only), ...shared },
      typed_per_filter_config: streams(only, from, around),
    };
  }
  const weighted = backends.map((backend) => ({
    name: backendCluster(backend),
    weight: backend.weight,
    ...(hasOwnChanges ? backendChanges(from, filtersOf(backend)) : {}),
    typed_per_filter_config: streams(backend, from, around),
  }));
  return {
    ...(hasOwnChanges ? {} : routeChanges(from)),
    route: { weighted_clusters: { clusters: weighted }, ...shared },
  };
}

function filtersOf(backend: Backend): BackendFilters | undefined {
  return backend.kind === "pool" ? backend.filters : undefined;
}

function routeChanges({ requestHeaders, responseHeaders }: Route): EnvoyObject {
  return {
    ...headerChanges(requestHeaders, "request"),
    ...headerChanges(responseHeaders, "response"),
  };
}

/**
 * Combines the changes of the route and then those of the backend. Envoy applies a weighted cluster's changes before
 * the route's, so the route would override the backend.
 */
function backendChanges(from: Route, filters: BackendFilters | undefined): EnvoyObject {
  const { requestHeaders = noChange, responseHeaders = noChange } = filters ?? {};
  return {
    ...headerChanges(combineModifiers(from.requestHeaders, requestHeaders), "request"),
    ...headerChanges(combineModifiers(from.responseHeaders, responseHeaders), "response"),
    ...backendHost(from, filters),
  };
}

const noChange: HeaderModifier = { set: [], add: [], remove: [] };

function backendHost(from: Route, filters: BackendFilters | undefined): EnvoyObject {
  const hostname = filters?.hostname ?? from.rewrite?.hostname;
  return hostname === undefined ? {} : { host_rewrite_literal: hostname };
}

function backendCluster(backend: Backend): string {
  return backend.kind === "pool" ? primaryClusterName(backend.pool) : unresolvedCluster;
}

function streams(backend: Backend, from: Route, { known, options }: Surroundings): EnvoyObject {
  const pool = backend.kind === "pool" ? known.pools.get(backend.pool) : undefined;
  if (pool === undefined) return {};
  const mirrors = mirrorsOf(from, known.mirrors).filter(isRendered);
  const own = routeStreams(
    {
      lane: "primary",
      pool: pool.name,
      mirrors: mirrors.map(({ name }) => name),
      rewrittenBy: from.rewrite?.path === undefined ? undefined : from.name,
      isPicked: pool.picker === "umbra",
      isFailOpen: pool.failureMode === "FailOpen",
      pickMode: from.pickMode,
      knownUnderscores: known.underscores,
    },
    options,
  );
  const isLookedAt = pool.picker === "umbra" && !options.plainMirror;
  return {
    ...own,
    ...externalStreams(pool, options),
    ...(isLookedAt ? withoutUnderscoreFilter(options) : {}),
  };
}

/** If a backend has its own changes, the backends set the hostname: the route's setting would override them. */
function sharedAction(
  from: Route,
  mirroring: RouteMirroring,
  hasOwnChanges: boolean,
  options: BootstrapOptions,
): EnvoyObject {
  const policies = mirrorPolicies(mirroring, options);
  const { hostname, path } = from.rewrite ?? {};
  return {
    timeout: duration(requestTimeoutMs(from)),
    idle_timeout: timeSetting(options, "streamIdleTimeoutMs"),
    retry_policy: retryPolicy(from),
    ...(hostname === undefined || hasOwnChanges ? {} : { host_rewrite_literal: hostname }),
    ...(path === undefined ? {} : pathRewrite(path, from.match)),
    ...(policies.length > 0 ? { request_mirror_policies: policies } : {}),
  };
}
