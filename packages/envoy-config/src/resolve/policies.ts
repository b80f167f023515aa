import { defined } from "@umbra/shadow/defined";
import { compare } from "../compare.ts";
import { conditionOf } from "../conditions.ts";
import type { StatusCondition } from "../diagnostic.ts";
import type { MirrorSettings } from "../mirror-policy.ts";
import { byResource, ResourceMap } from "../resource-map.ts";
import { resourceName } from "../resource-ref.ts";
import type { Report } from "../resources/report.ts";
import type {
  BackendRef,
  HttpRoute,
  MirrorFilter,
  PolicyCandidate,
  PolicyTarget,
  RouteRule,
  ShadowPolicy,
} from "../resources/resources.ts";

/**
 * Finds the policy of each mirror of a rule and its backends. Mirrors without a policy are not included. Those of a
 * policy with an error are stopped: without its limits they might mirror more than they should.
 */
export type PolicyResolver = (
  route: HttpRoute,
  rule: RouteRule,
) => ReadonlyMap<MirrorFilter, ResolvedPolicy | "stopped">;

export interface ResolvedPolicy {
  readonly settings: MirrorSettings;
  /** The share from the policy, else from the HTTPRoute. */
  readonly perMillion: number;
}

/** Attaches policies to rules. Precedence: with `sectionName` before whole routes, then the oldest, then by name. */
export function createPolicyResolver(
  policies: readonly ShadowPolicy[],
  routes: readonly HttpRoute[],
  report: Report,
): PolicyResolver {
  const routesByName = byResource(routes);
  const names = routes.map((each) => each.name).join(", ") || "none";
  for (const policy of policies) reportLostTargets(policy, routesByName, names, report);
  const missed = new Set<PolicyCandidate>();
  const policyOf = createPolicyFinder(policies, report);

  return (route, rule) => {
    const policy = policyOf(route, rule);
    if (policy === undefined) return new Map();
    const own = mirrorFilters(rule);
    const wanted = policy.candidates;
    const lost = missedCandidates(policy, route);
    for (const candidate of lost) {
      if (missed.has(candidate)) continue;
      missed.add(candidate);
      const message = `${candidate.kind} "${candidate.name}" is not the target of any mirror of HTTPRoute "${route.name}": add a RequestMirror filter, or remove the candidate`;
      report("error", "UMB0210", candidate.place, message, {
        condition: refused(policy, "TargetNotFound"),
      });
    }
    if (policy.isBroken || lost.length > 0) return new Map(own.map((each) => [each, "stopped"]));
    const resolved = new Map<MirrorFilter, ResolvedPolicy>();
    for (const mirror of own) {
      const found = wanted?.find((each) => isSame(mirror.backend, each, route.namespace));
      if (wanted !== undefined && found === undefined) continue;
      const perMillion =
        policy.percent === undefined ? mirror.perMillion : Math.round(policy.percent * 10_000);
      const settings = settingsOf(policy, found);
      resolved.set(mirror, { settings, perMillion });
    }
    return resolved;
  };
}

/** Finds the policy of a rule. Reports policies without precedence. */
function createPolicyFinder(
  policies: readonly ShadowPolicy[],
  report: Report,
): (route: HttpRoute, rule: RouteRule) => ShadowPolicy | undefined {
  const conflicting = new Set<ShadowPolicy>();
  const byRoute = new ResourceMap<ShadowPolicy[]>();
  for (const policy of policies) {
    const { namespace, targets } = policy;
    for (const name of new Set(targets.map((target) => target.name))) {
      byRoute.take({ namespace, name }, () => []).push(policy);
    }
  }

  return (route, rule) => {
    const candidates = byRoute.get(route) ?? [];
    const attached = candidates.flatMap((policy) => {
      const targets = policy.targets.filter(
        ({ name, sectionName }) =>
          name === route.name && (sectionName === undefined || sectionName === rule.name),
      );
      return targets.length === 0
        ? []
        : [{ policy, isNamed: targets.some(({ sectionName }) => sectionName !== undefined) }];
    });
    const [first, second] = attached.toSorted(
      (a, b) =>
        Number(b.isNamed) - Number(a.isNamed) ||
        compare(a.policy.createdAt, b.policy.createdAt) ||
        compare(a.policy.name, b.policy.name),
    );
    const isConflict = second !== undefined && second.isNamed === first?.isNamed;
    if (isConflict && !conflicting.has(second.policy)) {
      conflicting.add(second.policy);
      const message = `ShadowPolicy "${second.policy.name}" has no effect on this rule, because ShadowPolicy "${first?.policy.name}" takes precedence: remove one`;
      report("warning", "UMB0209", second.policy.place, message, {
        condition: refused(second.policy, "Conflicted"),
      });
    }
    return first?.policy;
  };
}

/** Returns a policy's candidates that no rule of the route mirrors to. A policy for a whole route may name candidates of single rules. */
function missedCandidates(
  { candidates = [] }: ShadowPolicy,
  { namespace, rules }: HttpRoute,
): readonly PolicyCandidate[] {
  const all = rules.flatMap(mirrorFilters);
  return candidates.filter(
    (candidate) => !all.some(({ backend }) => isSame(backend, candidate, namespace)),
  );
}

function settingsOf(from: ShadowPolicy, candidate: PolicyCandidate | undefined): MirrorSettings {
  const { role = "candidate", percent } = candidate ?? {};
  const { sampling, evaluation, requestTimeoutMs, headers, eligible, rewrite, budget } = from;
  const { generation } = from;
  return {
    role,
    ...(percent === undefined ? {} : { percentOfMirrored: percent }),
    ...{ sampling, evaluation, requestTimeoutMs, headers },
    policy: { name: resourceName(from), ...defined({ generation }), eligible, rewrite, budget },
  };
}

/** The filters of the rule, then those of its backends. */
function mirrorFilters({ mirrors, backends }: RouteRule): readonly MirrorFilter[] {
  return [...mirrors, ...backends.flatMap(({ routing }) => routing?.mirrors ?? [])];
}

function isSame(backend: BackendRef, candidate: PolicyCandidate, namespace: string): boolean {
  return (
    backend.kind === candidate.kind &&
    backend.name === candidate.name &&
    (backend.namespace ?? namespace) === candidate.namespace &&
    (candidate.port === undefined || candidate.port === backend.port)
  );
}

function reportLostTargets(
  policy: ShadowPolicy,
  routes: ResourceMap<HttpRoute>,
  names: string,
  report: Report,
): void {
  for (const target of policy.targets) {
    const route = routes.get({ namespace: policy.namespace, name: target.name });
    const lost =
      route === undefined
        ? `targets HTTPRoute "${target.name}", which is not among the resources; existing routes: ${names}`
        : lostIn(route, target);
    if (lost === undefined) continue;
    report("error", "UMB0210", target.place, `ShadowPolicy "${policy.name}" ${lost}`, {
      condition: refused(policy, "TargetNotFound"),
    });
  }
}

function refused(policy: ShadowPolicy, reason: "TargetNotFound" | "Conflicted"): StatusCondition {
  return conditionOf({ ...policy, kind: "ShadowPolicy" }, "Accepted", reason);
}

/** Explains why a policy has no effect on a route. */
function lostIn({ name, rules }: HttpRoute, { sectionName }: PolicyTarget): string | undefined {
  const targeted = rules.filter((rule) => sectionName === undefined || rule.name === sectionName);
  if (targeted.length === 0) {
    const named = rules.flatMap((rule) => rule.name ?? []).join(", ") || "none";
    return `targets rule "${sectionName}" of HTTPRoute "${name}", which has no such rule; named rules: ${named}`;
  }
  return targeted.some((rule) => mirrorFilters(rule).length > 0)
    ? undefined
    : `has no effect: HTTPRoute "${name}" has no RequestMirror filter there`;
}
