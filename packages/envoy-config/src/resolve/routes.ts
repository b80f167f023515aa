import { defined } from "@umbra/shadow/defined";
import { routeName } from "../names.ts";
import { inRule, type Report } from "../resources/report.ts";
import type { HttpRoute, RouteRule } from "../resources/resources.ts";
import type { Route, RouteOrigin, Session } from "../topology.ts";
import type { PoolResolver } from "./pools.ts";
import type { RankedRoute } from "./precedence.ts";
import { type RuleOfRoute, ruleRef, rulesOf } from "./rule-of-route.ts";
import { type RuleResolvers, resolveRule } from "./rule-shares.ts";
import { resolveSession } from "./sessions.ts";
import type { RuleShare } from "./shares.ts";

/** Resolves an HTTPRoute into routes: one for each match of each rule, or for each share of it. */
export function resolveRoutes(
  from: HttpRoute,
  resolvers: RuleResolvers,
  report: Report,
): readonly RankedRoute[] {
  return rulesOf(from)
    .flatMap((ofRoute) => {
      const told = inRule(report, ruleRef(ofRoute.origin));
      const shares = resolveRule(ofRoute, resolvers, told);
      const session = sessionOf(ofRoute, resolvers.pools, told);
      const { rule, origin } = ofRoute;
      return rule.matches.flatMap((match, index) =>
        shares.map((share) => ({
          route: routeOf(rule, share, { ...origin, match: index }, { match, session }),
          keepsPort: share.keepsPort,
        })),
      );
    })
    .map((each, order) => ({ ...each, createdAt: from.createdAt, order }));
}

function routeOf(
  rule: RouteRule,
  { backend, share, requestHeaders, responseHeaders, rewrite, action, mirrors }: RuleShare,
  of: RouteOrigin,
  { match, session }: Pick<Route, "match"> & { readonly session: Session | undefined },
): Route {
  const origin = { ...of, ...defined({ backend }) };
  const { timeoutMs, backendTimeoutMs, retry, cors } = rule.isBroken ? noSettings : rule;
  return {
    name: routeName(origin),
    origin,
    match,
    ...defined({ share }),
    requestHeaders,
    responseHeaders,
    ...defined({ rewrite, timeoutMs, backendTimeoutMs, retry, cors, session }),
    action,
    mirrors,
    // The pick mode is only known after all routes are resolved.
    pickMode: "buffered",
  };
}

const noSettings: Partial<RouteRule> = {};

function sessionOf(
  { rule, route, origin }: RuleOfRoute,
  pools: PoolResolver,
  report: Report,
): Session | undefined {
  const { session, redirect, backends } = rule;
  if (rule.isBroken || rule.hasBrokenMatch || route.isBroken) return undefined;
  if (session === undefined || redirect !== undefined) return undefined;
  const served = backends
    .filter(({ weight, isBroken }) => weight > 0 && !isBroken)
    .flatMap((ref) => {
      const pool = pools.resolve(ref, route.namespace);
      return pool.kind === "unresolved" ? [] : [pool];
    });
  return resolveSession(session, origin, served, report);
}

/** Adapts routes to a listener: a redirect without scheme and port keeps the listener's port. The same routes give the same objects. */
export function onListener(all: readonly RankedRoute[], port: number): readonly RankedRoute[] {
  if (!all.some(keepsListenersPort)) return all;
  const byPort = onPorts.get(all) ?? new Map<number, readonly RankedRoute[]>();
  onPorts.set(all, byPort);
  const adapted = byPort.get(port) ?? all.map((each) => onPort(each, port));
  byPort.set(port, adapted);
  return adapted;
}

const onPorts = new WeakMap<readonly RankedRoute[], Map<number, readonly RankedRoute[]>>();

function keepsListenersPort({ route, keepsPort }: RankedRoute): boolean {
  return keepsPort && route.action.kind === "redirect";
}

function onPort(ranked: RankedRoute, port: number): RankedRoute {
  const { route, keepsPort } = ranked;
  if (route.action.kind !== "redirect" || !keepsPort) return ranked;
  return { ...ranked, route: { ...route, action: { ...route.action, port } } };
}
