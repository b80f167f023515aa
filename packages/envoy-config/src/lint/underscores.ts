import { routeHeaders, underscoreHeaders } from "../header-names.ts";
import { routesOf } from "../queries.ts";
import { ruleRef } from "../resolve/rule-of-route.ts";
import type { Report } from "../resources/report.ts";
import type { LintInput } from "./lint-input.ts";

/** Reports routes with a header name that does not pass because the names of all routes are too long together. */
export function lintUnderscores({ topology, places }: LintInput, report: Report): void {
  const { leftOut } = underscoreHeaders(topology);
  if (leftOut.size === 0) return;
  const reported = new Set<string>();
  for (const route of routesOf(topology)) {
    const name = routeHeaders(route).find((each) => leftOut.has(each.toLowerCase()));
    const place = places.route(route);
    if (name === undefined || place === undefined || reported.has(route.name)) continue;
    reported.add(route.name);
    const message = `the header ${name} does not pass: all header names with an underscore in the resources have more than 12,000 characters together, and only the shortest ones pass`;
    report("warning", "UMB0321", place, message, { rule: ruleRef(route.origin) });
  }
}
