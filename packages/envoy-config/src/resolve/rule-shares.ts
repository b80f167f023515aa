import { defined } from "@umbra/shadow/defined";
import { conditionOf } from "../conditions.ts";
import { noModifier } from "../header-modifier.ts";
import type { Report } from "../resources/report.ts";
import type { MirrorFilter, RuleBackend } from "../resources/resources.ts";
import type { Backend } from "../topology.ts";
import type { MirrorResolver } from "./mirrors.ts";
import type { PolicyResolver } from "./policies.ts";
import type { PoolResolver } from "./pools.ts";
import type { RuleOfRoute } from "./rule-of-route.ts";
import { type RoutedBackend, type RuleShare, redirected, sharesOf } from "./shares.ts";

export interface RuleResolvers {
  readonly pools: PoolResolver;
  readonly policies: PolicyResolver;
  readonly mirrors: MirrorResolver;
}

/** Resolves a rule into shares: one for all requests, or one for each backend. A rule with an error answers 500. */
export function resolveRule(
  from: RuleOfRoute,
  resolvers: RuleResolvers,
  report: Report,
): readonly RuleShare[] {
  const { rule, route } = from;
  if (!rule.isBroken && !rule.hasBrokenMatch && !route.isBroken) {
    return resolveSoundRule(from, resolvers, report);
  }
  // It gets no requests, but more may be wrong with it.
  const { pools } = resolvers;
  resolveSoundRule(from, { ...resolvers, pools: { ...pools, resolve: pools.check } }, report);
  if (rule.hasBrokenMatch || route.isBroken) return [];
  const failing = { kind: "invalid", weight: 1, reason: "UnsupportedValue" } as const;
  const message = "the rule has an error";
  return [
    {
      ...{ requestHeaders: noModifier, responseHeaders: noModifier, mirrors: [], keepsPort: false },
      action: { kind: "forward", backends: [{ ...failing, message }] },
    },
  ];
}

function resolveSoundRule(
  from: RuleOfRoute,
  resolvers: RuleResolvers,
  report: Report,
): readonly RuleShare[] {
  const { rule, route, origin } = from;
  const { requestHeaders, responseHeaders, rewrite, redirect } = rule;
  const whole = { requestHeaders, responseHeaders, rewrite, keepsPort: false };
  if (redirect !== undefined) return [{ ...whole, ...redirected(redirect) }];
  const policies = resolvers.policies(route, rule);
  const mirrorsOf = (filters: readonly MirrorFilter[], backend?: number) => {
    const at = { route: origin.route, rule: origin.rule, ...defined({ backend }) };
    const whose =
      backend === undefined ? "the rule answers" : "the backend's share of requests gets";
    const { pools } = resolvers;
    return resolvers.mirrors.resolve({
      filters,
      route,
      origin: at,
      policies,
      whose,
      pools,
      report,
    });
  };
  const { mirrors, failed } = mirrorsOf(rule.mirrors);
  const backends = rule.backends.map((ref, index): RoutedBackend => {
    const backend = resolveBackend(ref, from, resolvers.pools, report);
    const { routing } = ref;
    if (routing === undefined || backend.kind === "invalid" || routing.redirect !== undefined)
      return { backend, routing, mirrors: [] };
    const own = mirrorsOf(routing.mirrors, index);
    if (own.failed === undefined) return { backend, routing, mirrors: own.mirrors };
    const invalid = { kind: "invalid", weight: backend.weight, ...own.failed } as const;
    return { backend: invalid, routing, mirrors: [] };
  });
  if (failed !== undefined) {
    const invalid = { ...failed, kind: "invalid", weight: 1 } as const;
    return [{ ...whole, action: { kind: "forward", backends: [invalid] }, mirrors }];
  }
  const action = { kind: "forward", backends: backends.map(({ backend }) => backend) } as const;
  return sharesOf(rule, backends, mirrors) ?? [{ ...whole, action, mirrors }];
}

function resolveBackend(
  ref: RuleBackend,
  { route }: RuleOfRoute,
  pools: PoolResolver,
  report: Report,
): Backend {
  if (ref.isBroken) {
    if (ref.name !== "") pools.check(ref, route.namespace);
    const message = "the backend has an error";
    return { kind: "invalid", weight: ref.weight, reason: "InvalidKind", message };
  }
  const pool = pools.resolve(ref, route.namespace);
  if (pool.kind !== "unresolved") {
    const filters = ref.filters === undefined ? {} : { filters: ref.filters };
    return { kind: "pool", pool: pool.name, weight: ref.weight, ...filters };
  }
  const { reason, message } = pool;
  if (reason === "NotServed") return { kind: "invalid", weight: ref.weight, reason, message };
  report("warning", "UMB0203", ref.place, `its share of requests gets 500: ${message}`, {
    condition: conditionOf({ kind: "HTTPRoute", ...route }, "ResolvedRefs", reason),
  });
  return { kind: "invalid", weight: ref.weight, reason, message };
}
