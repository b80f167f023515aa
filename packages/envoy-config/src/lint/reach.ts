import { hostsOf } from "../queries.ts";
import { matchKey, takesEverything } from "../resolve/route-match.ts";
import { ruleRef } from "../resolve/rule-of-route.ts";
import { isSameResource, resourceName } from "../resource-ref.ts";
import { inRule, lineOf, type Place, type Report } from "../resources/report.ts";
import { wholeShare } from "../share-draw.ts";
import type { Route, VirtualHost } from "../topology.ts";
import type { LintInput } from "./lint-input.ts";

/** Reports routes that get no requests because an earlier route of their host takes them all. */
export function lintReach({ topology, places }: LintInput, sink: Report): void {
  const told = new Set<string>();
  for (const { port, host } of hostsOf(topology)) {
    for (const [route, earlier] of unreached(host)) {
      const place = places.route(route);
      // A rule with several hostnames is reported once. A rule that reaches the same host through two of them is not reported.
      if (place === undefined || told.has(route.name) || earlier.name === route.name) continue;
      told.add(route.name);
      const report = inRule(sink, ruleRef(route.origin));
      const where = `${host.domains.join(", ")} on port ${port}`;
      const other = places.route(earlier);
      const owner = earlier.origin.route;
      const by = `HTTPRoute "${resourceName(owner)}"${other === undefined ? "" : ` (${placeText(other)})`}`;
      if (isSameResource(route.origin.route, owner)) {
        const message = `this match is never reached on ${where}: an earlier match of ${by} takes its requests`;
        report("warning", "UMB0302", place, message);
      } else {
        const message = `${by} has the same match on ${where} and takes precedence`;
        report("warning", "UMB0301", place, message);
      }
    }
  }
}

/** The file of an object of an API server is its name, which the message has. */
function placeText(place: Place): string {
  return place.path ?? `${place.file}:${lineOf(place)}`;
}

/** Returns each unreachable route with the route that takes its requests: one with the same match, or with an expression that matches every path. */
function* unreached({ routes }: VirtualHost): Generator<readonly [Route, Route]> {
  const byMatch = new Map<string, Route>();
  let takesAll: Route | undefined;
  for (const route of routes) {
    const key = matchKey(route.match);
    const earlier = byMatch.get(key) ?? takesAll;
    if (earlier !== undefined) yield [route, earlier];
    // A share leaves requests for the other shares of its match; the last one leaves none.
    const isWhole = route.share === undefined || route.share.to === wholeShare;
    if (earlier === undefined && isWhole) byMatch.set(key, route);
    if (isWhole && takesEverything(route.match)) takesAll ??= route;
  }
}
