import { refsNotResolved } from "../conditions.ts";
import type { Report } from "../resources/reader.ts";
import type { HttpRoute, RouteRule } from "../resources/resources.ts";
import type { Backend, Mirror, Route, RouteAction, Session } from "../topology.ts";
import type { PolicyResolver } from "./policies.ts";
import type { PoolResolver } from "./pools.ts";
import type { RankedRoute } from "./precedence.ts";
import { resolveSession } from "./sessions.ts";

export interface Resolvers {
  readonly pools: PoolResolver;
  readonly policies: PolicyResolver;
  /** A rule with a mirror that can't be resolved answers 500. */
  readonly isStrict: boolean;
}

/** Resolves an HTTPRoute into routes, one for each match of each rule. */
export function resolveRoutes(
  from: HttpRoute,
  resolvers: Resolvers,
  report: Report,
): readonly RankedRoute[] {
  const owner = `${from.namespace}/${from.name}`;
  let order = 0;
  return from.rules.flatMap((rule, ruleIndex) => {
    const prefix = `${owner}/${ruleIndex}`;
    const { mirrors, failed } =
      rule.redirect === undefined
        ? resolveMirrors(rule, prefix, from, resolvers, report)
        : { mirrors: [] };
    const resolved = resolveAction(rule, from, resolvers.pools, report);
    const action: RouteAction =
      failed === undefined
        ? resolved
        : { kind: "forward", backends: [{ ...failed, kind: "invalid", weight: 1 }] };
    const session = sessionOf(rule, prefix, from, resolvers.pools, report);
    return rule.matches.map((match, matchIndex): RankedRoute => {
      const route: Route = {
        name: `${prefix}/${matchIndex}`,
        ...(rule.name === undefined ? {} : { rule: rule.name }),
        match,
        requestHeaders: rule.requestHeaders,
        responseHeaders: rule.responseHeaders,
        ...(rule.rewrite === undefined ? {} : { rewrite: rule.rewrite }),
        timeoutMs: rule.timeoutMs,
        ...(rule.backendTimeoutMs === 0 ? {} : { backendTimeoutMs: rule.backendTimeoutMs }),
        ...(rule.retry === undefined ? {} : { retry: rule.retry }),
        ...(rule.cors === undefined ? {} : { cors: rule.cors }),
        ...(session === undefined ? {} : { session }),
        action,
        mirrors,
      };
      const keepsPort = rule.redirect?.port === undefined && rule.redirect?.scheme === undefined;
      return { route, createdAt: from.createdAt, owner, order: order++, keepsPort };
    });
  });
}

function sessionOf(
  { session, redirect, backends }: RouteRule,
  rule: string,
  { namespace }: HttpRoute,
  pools: PoolResolver,
  report: Report,
): Session | undefined {
  if (session === undefined || redirect !== undefined) return undefined;
  const served = backends
    .filter(({ weight }) => weight > 0)
    .flatMap((ref) => {
      const pool = pools.resolve(ref, namespace);
      return pool.kind === "unresolved" ? [] : [pool];
    });
  return resolveSession(session, rule, served, report);
}

/** The route as a listener has it: a redirect that names neither scheme nor port keeps the listener's. */
export function onListener(ranked: RankedRoute, port: number): RankedRoute {
  const { route, keepsPort } = ranked;
  if (route.action.kind !== "redirect" || !keepsPort) return ranked;
  return { ...ranked, route: { ...route, action: { ...route.action, port } } };
}

function resolveMirrors(
  rule: RouteRule,
  prefix: string,
  route: HttpRoute,
  { pools, policies, isStrict }: Resolvers,
  report: Report,
): ResolvedMirrors {
  let failed: ResolvedMirrors["failed"];
  const attached = policies.resolve(route, rule);
  const mirrors = rule.mirrors.flatMap(({ backend, perMillion: own }, index): readonly Mirror[] => {
    const pool = pools.resolve(backend, route.namespace);
    const found = attached[index];
    if (pool.kind !== "unresolved") {
      const perMillion = found?.perMillion ?? own;
      const policy = found === undefined ? {} : { policy: found.policy };
      return [{ name: `${prefix}/mirror/${index}`, pool: pool.name, perMillion, ...policy }];
    }
    report(
      "warning",
      "UMB0204",
      backend.place,
      isStrict
        ? `the rule answers 500, as --strict asks: ${pool.message}`
        : `the mirror is left out and the rule keeps serving: ${pool.message}`,
      { condition: refsNotResolved({ kind: "HTTPRoute", ...route }, pool.reason) },
    );
    if (isStrict) failed ??= { reason: pool.reason, message: pool.message };
    return [];
  });
  return failed === undefined ? { mirrors } : { mirrors: [], failed };
}

interface ResolvedMirrors {
  readonly mirrors: readonly Mirror[];
  /** Why the rule is not served, where it isn't. */
  readonly failed?: { readonly reason: string; readonly message: string } | undefined;
}

function resolveAction(
  rule: RouteRule,
  route: HttpRoute,
  pools: PoolResolver,
  report: Report,
): RouteAction {
  if (rule.redirect !== undefined) {
    const { scheme, hostname, port, path, statusCode } = rule.redirect;
    return {
      kind: "redirect",
      ...(scheme === undefined ? {} : { scheme }),
      ...(hostname === undefined ? {} : { hostname }),
      port: port ?? (scheme === "https" ? 443 : 80),
      ...(path === undefined ? {} : { path }),
      statusCode,
    };
  }
  const backends = rule.backends.map((ref): Backend => {
    const pool = pools.resolve(ref, route.namespace);
    if (pool.kind !== "unresolved") {
      const filters = ref.filters === undefined ? {} : { filters: ref.filters };
      return { kind: "pool", pool: pool.name, weight: ref.weight, ...filters };
    }
    const { reason, message } = pool;
    report("warning", "UMB0203", ref.place, `its share of requests gets 500: ${message}`, {
      condition: refsNotResolved({ kind: "HTTPRoute", ...route }, reason),
    });
    return { kind: "invalid", weight: ref.weight, reason, message };
  });
  return { kind: "forward", backends };
}
