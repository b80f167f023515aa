import type {
  Backend,
  HeaderModifier,
  Mirror,
  Pool,
  Route,
  RouteAction,
  RouteMatch,
  UrlRewrite,
  ValueMatch,
  VirtualHost,
} from "../topology.ts";
import { duration, type EnvoyObject } from "./envoy-object.ts";
import { routeStreams } from "./ext-proc-filter.ts";
import {
  destinationHeader,
  laneClusterName,
  mirrorHeader,
  mirrorToHeader,
  primaryClusterName,
  shadowClusterName,
  unresolvedCluster,
} from "./names.ts";
import type { BootstrapOptions } from "./options.ts";

type Pools = ReadonlyMap<string, Pool>;

/** A virtual host with its routes, in the topology's order of precedence. */
export function virtualHost(
  { name, domains, routes }: VirtualHost,
  pools: Pools,
  options: BootstrapOptions,
): EnvoyObject {
  return { name, domains, routes: routes.map((each) => route(each, pools, options)) };
}

function route(from: Route, pools: Pools, options: BootstrapOptions): EnvoyObject {
  return {
    name: from.name,
    match: match(from.match),
    ...headerModifiers(from.requestHeaders, "request"),
    ...headerModifiers(from.responseHeaders, "response"),
    ...action(from, pools, options),
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
      // `path_separated_prefix` matches whole segments, but Envoy refuses it for the root.
      const prefix = value.replace(/\/+$/, "");
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

function headerModifiers(
  { set, add, remove }: HeaderModifier,
  side: "request" | "response",
): EnvoyObject {
  const entries = [
    ...set.map(({ name, value }) => ({
      header: { key: name, value: literal(value) },
      append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
    })),
    ...add.map(({ name, value }) => ({
      header: { key: name, value: literal(value) },
      append_action: "APPEND_IF_EXISTS_OR_ADD",
    })),
  ];
  return {
    ...(entries.length > 0 ? { [`${side}_headers_to_add`]: entries } : {}),
    ...(remove.length > 0 ? { [`${side}_headers_to_remove`]: remove } : {}),
  };
}

/** Envoy expands `%NAME%` in header values; a resource's value is meant as it stands. */
function literal(value: string): string {
  return value.replaceAll("%", "%%");
}

function action(from: Route, pools: Pools, options: BootstrapOptions): EnvoyObject {
  if (from.action.kind === "redirect") {
    return { redirect: redirect(from.action) };
  }
  const backends = from.action.backends.filter(({ weight }) => weight > 0);
  const [only] = backends;
  if (only === undefined || backends.every(({ kind }) => kind === "invalid")) {
    return { direct_response: { status: 500 } };
  }
  const isPicked = backends.every(
    (each) => each.kind === "invalid" || pools.get(each.pool)?.picker === "umbra",
  );
  const shared = sharedAction(from, isPicked, options);
  if (backends.length === 1) {
    return {
      route: { cluster: backendCluster(only), ...shared },
      typed_per_filter_config: streams(only, from, pools, options),
    };
  }
  const weighted = backends.map((backend) => ({
    name: backendCluster(backend),
    weight: backend.weight,
    typed_per_filter_config: streams(backend, from, pools, options),
  }));
  return { route: { weighted_clusters: { clusters: weighted }, ...shared } };
}

function backendCluster(backend: Backend): string {
  return backend.kind === "pool" ? primaryClusterName(backend.pool) : unresolvedCluster;
}

function streams(
  backend: Backend,
  { mirrors, pickMode }: Route,
  pools: Pools,
  options: BootstrapOptions,
): EnvoyObject {
  const pool = backend.kind === "pool" ? pools.get(backend.pool) : undefined;
  if (pool === undefined) return {};
  return routeStreams(
    {
      lane: "primary",
      pool: pool.name,
      mirrors: mirrors.filter(isRendered).map(({ name }) => name),
      isPicked: pool.picker === "umbra",
      isFailOpen: pool.failureMode === "FailOpen",
      pickMode,
    },
    options,
  );
}

function sharedAction(
  { rewrite, timeoutMs, mirrors }: Route,
  isPicked: boolean,
  options: BootstrapOptions,
) {
  const policies = mirrors
    .filter(isRendered)
    .map((mirror) => mirrorPolicy(mirror, mirrors, isPicked, options));
  return {
    timeout: duration(timeoutMs),
    // Between two bytes of an answer: a long prefill sends nothing for minutes.
    idle_timeout: duration(3_600_000),
    retry_policy: {
      // Only what no model server has begun to work on; each attempt takes the pick's next endpoint.
      retry_on: "connect-failure,refused-stream,reset-before-request",
      num_retries: 2,
      host_selection_retry_max_attempts: 3,
    },
    ...rewriteAction(rewrite),
    ...(policies.length > 0 ? { request_mirror_policies: policies } : {}),
  };
}

/** A share of nothing can be raised while Envoy runs, where a policy says so; else it stays nothing. */
export function isRendered({ perMillion, policy }: Mirror): boolean {
  return perMillion > 0 || policy !== undefined;
}

function mirrorPolicy(
  { name, perMillion, policy }: Mirror,
  all: readonly Mirror[],
  isPicked: boolean,
  { plainMirror }: BootstrapOptions,
): EnvoyObject {
  const isSampled = isPicked && !plainMirror;
  const target = isSampled
    ? { cluster_header: mirrorToHeader(name) }
    : {
        cluster: plainMirror ? shadowClusterName(name) : laneClusterName(name),
        // Over MILLION: Envoy draws weights from the same random number, and bases that share a factor
        // with a weight sum tie the mirror to one backend.
        runtime_fraction: { default_value: { numerator: perMillion, denominator: "MILLION" } },
      };
  return {
    ...target,
    disable_shadow_host_suffix_append: true,
    request_headers_mutations: [
      { remove: destinationHeader },
      ...(isSampled ? all.map((mirror) => ({ remove: mirrorToHeader(mirror.name) })) : []),
      ...rewrittenHeaders(policy),
      overwrite(mirrorHeader, name),
    ],
  };
}

function rewrittenHeaders(policy: Mirror["policy"]): readonly EnvoyObject[] {
  if (policy === undefined) return [];
  const { set, remove } = policy.rewrite.headers;
  return [
    ...remove.map((name) => ({ remove: name })),
    // The copy's answer is read here, and nowhere else.
    { remove: "accept-encoding" },
    ...set.map(({ name, value }) => overwrite(name, value)),
  ];
}

function overwrite(key: string, value: string): EnvoyObject {
  return {
    append: {
      header: { key, value: literal(value) },
      append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
    },
  };
}

function rewriteAction(rewrite: UrlRewrite | undefined): EnvoyObject {
  if (rewrite === undefined) return {};
  const { hostname, path } = rewrite;
  return {
    ...(hostname === undefined ? {} : { host_rewrite_literal: hostname }),
    ...(path === undefined ? {} : pathRewrite(path)),
  };
}

function pathRewrite({ kind, value }: NonNullable<UrlRewrite["path"]>): EnvoyObject {
  if (kind === "replaceFullPath") {
    return {
      regex_rewrite: {
        pattern: { regex: "^/[^?]*" },
        substitution: value.replaceAll("\\", "\\\\"),
      },
    };
  }
  return { prefix_rewrite: value === "" ? "/" : value };
}

function redirect(action: Extract<RouteAction, { kind: "redirect" }>): EnvoyObject {
  const { scheme, hostname, port, path, statusCode } = action;
  return {
    ...(scheme === undefined ? {} : { scheme_redirect: scheme }),
    ...(hostname === undefined ? {} : { host_redirect: hostname }),
    ...(port === undefined ? {} : { port_redirect: port }),
    ...(path === undefined
      ? {}
      : path.kind === "replaceFullPath"
        ? { path_redirect: path.value }
        : { prefix_rewrite: path.value === "" ? "/" : path.value }),
    response_code: redirectCodes.get(statusCode) ?? "FOUND",
  };
}

const redirectCodes: ReadonlyMap<number, string> = new Map([
  [301, "MOVED_PERMANENTLY"],
  [302, "FOUND"],
  [303, "SEE_OTHER"],
  [307, "TEMPORARY_REDIRECT"],
  [308, "PERMANENT_REDIRECT"],
]);
