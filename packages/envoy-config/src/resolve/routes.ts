import { refsNotResolved } from "../conditions.ts";
import type { Report } from "../resources/reader.ts";
import type { HttpRoute, MirrorFilter, RouteRule, RuleBackend } from "../resources/resources.ts";
import type { Backend, Mirror, Route, RouteAction, Session } from "../topology.ts";
import type { PolicyResolver, ResolvedPolicy } from "./policies.ts";
import type { PoolResolver } from "./pools.ts";
import type { RankedRoute } from "./precedence.ts";
import { redirectAction } from "./redirects.ts";
import { resolveSession } from "./sessions.ts";
import { type RoutedBackend, type RuleShare, sharesOf } from "./shares.ts";

export interface Resolvers {
  readonly pools: PoolResolver;
  readonly policies: PolicyResolver;
  /** A rule with a mirror that can't be resolved answers 500. */
  readonly isStrict: boolean;
}

/** Resolves an HTTPRoute into routes, one for each match of each rule, or for each share of it. */
export function resolveRoutes(
  from: HttpRoute,
  resolvers: Resolvers,
  report: Report,
): readonly RankedRoute[] {
  const owner = `${from.namespace}/${from.name}`;
  let order = 0;
  return from.rules.flatMap((rule, ruleIndex) => {
    const prefix = `${owner}/${ruleIndex}`;
    const shares = resolveRule(rule, prefix, from, resolvers, report);
    const session = sessionOf(rule, prefix, from, resolvers.pools, report);
    return rule.matches.flatMap((match, matchIndex) =>
      shares.map(({ suffix, share, rewrite, keepsPort, ...does }): RankedRoute => {
        const route: Route = {
          name: `${prefix}/${matchIndex}${suffix}`,
          ...(rule.name === undefined ? {} : { rule: rule.name }),
          match,
          ...(share === undefined ? {} : { share }),
          requestHeaders: does.requestHeaders,
          responseHeaders: does.responseHeaders,
          ...(rewrite === undefined ? {} : { rewrite }),
          timeoutMs: rule.timeoutMs,
          ...(rule.backendTimeoutMs === 0 ? {} : { backendTimeoutMs: rule.backendTimeoutMs }),
          ...(rule.retry === undefined ? {} : { retry: rule.retry }),
          ...(rule.cors === undefined ? {} : { cors: rule.cors }),
          ...(session === undefined ? {} : { session }),
          action: does.action,
          mirrors: does.mirrors,
        };
        return { route, createdAt: from.createdAt, owner, order: order++, keepsPort };
      }),
    );
  });
}

/** What a rule does with its requests: with all of them, or with shares, one for each backend. */
function resolveRule(
  rule: RouteRule,
  prefix: string,
  route: HttpRoute,
  resolvers: Resolvers,
  report: Report,
): readonly RuleShare[] {
  const { requestHeaders, responseHeaders, rewrite, redirect } = rule;
  const whole = { suffix: "", requestHeaders, responseHeaders, rewrite };
  if (redirect !== undefined) {
    const keepsPort = redirect.port === undefined && redirect.scheme === undefined;
    return [{ ...whole, action: redirectAction(redirect), mirrors: [], keepsPort }];
  }
  const policies = resolvers.policies.resolve(route, rule);
  const mirrorsOf = (filters: readonly MirrorFilter[], name: string, whose: string) =>
    resolveMirrors(filters, name, whose, { ...resolvers, route, policies }, report);
  const { mirrors, failed } = mirrorsOf(rule.mirrors, `${prefix}/mirror/`, "the rule answers");
  const backends = rule.backends.map((ref, index): RoutedBackend => {
    const backend = resolveBackend(ref, route, resolvers.pools, report);
    const { routing } = ref;
    if (routing === undefined || backend.kind === "invalid" || routing.redirect !== undefined)
      return { backend, routing, mirrors: [] };
    const own = mirrorsOf(
      routing.mirrors,
      `${prefix}/mirror/${index}-`,
      "the backend's share gets",
    );
    if (own.failed === undefined) return { backend, routing, mirrors: own.mirrors };
    const invalid = { kind: "invalid", weight: backend.weight, ...own.failed } as const;
    return { backend: invalid, routing, mirrors: [] };
  });
  if (failed !== undefined) {
    const action: RouteAction = {
      kind: "forward",
      backends: [{ ...failed, kind: "invalid", weight: 1 }],
    };
    return [{ ...whole, action, mirrors, keepsPort: false }];
  }
  const action: RouteAction = { kind: "forward", backends: backends.map(({ backend }) => backend) };
  return sharesOf(rule, backends, mirrors) ?? [{ ...whole, action, mirrors, keepsPort: false }];
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
  filters: readonly MirrorFilter[],
  name: string,
  whose: string,
  {
    route,
    policies,
    pools,
    isStrict,
  }: Omit<Resolvers, "policies"> & {
    readonly route: HttpRoute;
    readonly policies: ReadonlyMap<MirrorFilter, ResolvedPolicy>;
  },
  report: Report,
): ResolvedMirrors {
  let failed: ResolvedMirrors["failed"];
  const mirrors = filters.flatMap((filter, index): readonly Mirror[] => {
    const { backend } = filter;
    const pool = pools.resolve(backend, route.namespace);
    const found = policies.get(filter);
    if (pool.kind !== "unresolved") {
      const perMillion = found?.perMillion ?? filter.perMillion;
      const policy =
        found === undefined ? keeping(pools.keepsCredentials(pool)) : { policy: found.policy };
      return [{ name: `${name}${index}`, pool: pool.name, perMillion, ...policy }];
    }
    report(
      "warning",
      "UMB0204",
      backend.place,
      isStrict
        ? `${whose} 500, as --strict asks: ${pool.message}`
        : `the mirror is left out and the rule keeps serving: ${pool.message}`,
      { condition: refsNotResolved({ kind: "HTTPRoute", ...route }, pool.reason) },
    );
    if (isStrict) failed ??= { reason: pool.reason, message: pool.message };
    return [];
  });
  return failed === undefined ? { mirrors } : { mirrors: [], failed };
}

function keeping(keepsCredentials: boolean): Pick<Mirror, "keepsCredentials"> {
  return keepsCredentials ? { keepsCredentials } : {};
}

interface ResolvedMirrors {
  readonly mirrors: readonly Mirror[];
  /** Why nothing is served, where it isn't. */
  readonly failed?: { readonly reason: string; readonly message: string } | undefined;
}

function resolveBackend(
  ref: RuleBackend,
  route: HttpRoute,
  pools: PoolResolver,
  report: Report,
): Backend {
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
}
