import { notAccepted, partiallyInvalid } from "../conditions.ts";
import { byPosition, type Diagnostic } from "../diagnostic.ts";
import type { HttpRoute } from "../resources/route-resource.ts";

/** What a controller alone can find: the API server takes the value. */
const foundByControllers: ReadonlySet<string> = new Set(["UMB0227"]);

/**
 * Gives findings in rules the condition that a controller would set: one that drops invalid rules takes a route with
 * valid ones (Accepted=True) and says PartiallyInvalid; a route without any is not accepted.
 */
export function withDroppedRules(
  diagnostics: readonly Diagnostic[],
  routes: readonly HttpRoute[],
): readonly Diagnostic[] {
  const byFile = Map.groupBy(
    routes.flatMap((route) => route.rules.map((rule, index) => ({ route, rule, index }))),
    ({ rule }) => rule.place.file,
  );
  for (const rules of byFile.values()) rules.sort((a, b) => byPosition(a.rule.place, b.rule.place));
  const found = diagnostics.map((diagnostic) => {
    if (!isOfRule(diagnostic)) return undefined;
    const last = byFile
      .get(diagnostic.file)
      ?.findLast(({ rule }) => byPosition(rule.place, diagnostic) <= 0);
    // A rule that an alias stands for has no place of its own, and a route's last rule has no end.
    const of = diagnostic.condition?.resource;
    const isOther =
      of !== undefined && (of.name !== last?.route.name || of.namespace !== last.route.namespace);
    return isOther ? undefined : last;
  });
  const dropped = new Map<HttpRoute, Set<number>>();
  for (const each of found) {
    if (each === undefined) continue;
    const known = dropped.get(each.route);
    if (known === undefined) dropped.set(each.route, new Set([each.index]));
    else known.add(each.index);
  }
  return diagnostics.map((diagnostic, at) => {
    const route = found[at]?.route;
    if (route === undefined) return diagnostic;
    const indexes = [...(dropped.get(route) ?? [])].toSorted((a, b) => a - b);
    const resource = { kind: "HTTPRoute", namespace: route.namespace, name: route.name };
    if (indexes.length < route.rules.length) {
      return { ...diagnostic, condition: partiallyInvalid(resource, indexes) };
    }
    const { condition = notAccepted(resource, "UnsupportedValue") } = diagnostic;
    return { ...diagnostic, condition };
  });
}

function isOfRule({ severity, code, condition }: Diagnostic): boolean {
  if (severity !== "error") return false;
  if (condition === undefined) return foundByControllers.has(code);
  const { resource, type, reason } = condition;
  return (
    resource.kind === "HTTPRoute" &&
    type === "Accepted" &&
    (reason === "UnsupportedValue" || reason === "IncompatibleFilters")
  );
}
