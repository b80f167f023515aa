import { conditionOf, partiallyInvalid } from "../conditions.ts";
import type { Diagnostic } from "../diagnostic.ts";
import { byResource, ResourceMap } from "../resource-map.ts";
import type { HttpRoute } from "../resources/resources.ts";

/** Codes that only a controller reports: the API server accepts the value. */
const foundByControllers: ReadonlySet<string> = new Set(["UMB0227"]);

/**
 * Adds the condition that a controller would set to findings in rules. A controller that drops invalid rules accepts a
 * route that has valid ones (Accepted=True) and sets PartiallyInvalid. It does not accept a route without valid rules.
 */
export function withDroppedRules(
  diagnostics: readonly Diagnostic[],
  routes: readonly HttpRoute[],
): readonly Diagnostic[] {
  const byName = byResource(routes);
  const dropped = new ResourceMap<Set<number>>();
  for (const each of diagnostics.filter(dropsRule)) {
    if (each.rule !== undefined) {
      dropped.take(each.rule.route, () => new Set()).add(each.rule.index);
    }
  }
  return diagnostics.map((diagnostic) => {
    const { rule } = diagnostic;
    const route = rule === undefined ? undefined : byName.get(rule.route);
    if (route === undefined || !dropsRule(diagnostic)) return diagnostic;
    const indexes = [...(dropped.get(route) ?? [])].toSorted((a, b) => a - b);
    const resource = { kind: "HTTPRoute", namespace: route.namespace, name: route.name };
    if (indexes.length < route.rules.length) {
      return { ...diagnostic, condition: partiallyInvalid(resource, indexes) };
    }
    const { condition = conditionOf(resource, "Accepted", "UnsupportedValue") } = diagnostic;
    return { ...diagnostic, condition };
  });
}

/** True if a controller drops the rule with the finding. */
export function dropsRule({
  severity,
  code,
  condition,
}: Pick<Diagnostic, "severity" | "code" | "condition">): boolean {
  if (severity !== "error") return false;
  if (condition === undefined) return foundByControllers.has(code);
  const { resource, type, reason } = condition;
  return resource.kind === "HTTPRoute" && type === "Accepted" && dropping.has(reason);
}

const dropping: ReadonlySet<string> = new Set(["UnsupportedValue", "IncompatibleFilters"]);
