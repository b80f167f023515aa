import type { RuleRef } from "../diagnostic.ts";
import type { HttpRoute, RouteRule } from "../resources/resources.ts";
import type { RouteOrigin } from "../topology.ts";

export interface RuleOfRoute {
  readonly route: HttpRoute;
  readonly rule: RouteRule;
  readonly origin: Pick<RouteOrigin, "route" | "rule" | "ruleName">;
}

export function rulesOf(route: HttpRoute): readonly RuleOfRoute[] {
  const { namespace, name } = route;
  return route.rules.map((rule, index) => ({
    route,
    rule,
    origin: {
      route: { namespace, name },
      rule: index,
      ...(rule.name === undefined ? {} : { ruleName: rule.name }),
    },
  }));
}

/** Returns the reference to the rule for a diagnostic. */
export function ruleRef({ route, rule }: Pick<RouteOrigin, "route" | "rule">): RuleRef {
  return { route, index: rule };
}
