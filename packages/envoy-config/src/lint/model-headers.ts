import { hostsOf } from "../queries.ts";
import { ruleRef } from "../resolve/rule-of-route.ts";
import type { Report } from "../resources/report.ts";
import type { Route, VirtualHost } from "../topology.ts";
import type { LintInput } from "./lint-input.ts";

/** Headers that other gateways set from the model in the body, and the component that sets them. */
const setters: ReadonlyMap<string, string> = new Map([
  ["x-gateway-model-name", "the body-based router of the Inference Extension"],
  ["x-gateway-base-model-name", "the body-based router of the Inference Extension"],
  ["x-gateway-inference-model", "the body-based router of the Inference Extension"],
  ["x-ai-eg-model", "Envoy AI Gateway"],
]);

/** Reports routes that need a header with the model: Envoy chooses a route before anything reads the body. */
export function lintModelHeaders({ topology, places }: LintInput, report: Report): void {
  const reported = new Set<string>();
  for (const { port, host } of hostsOf(topology)) {
    const found = host.routes.flatMap((route) => {
      const header = modelHeaderOf(route);
      return header === undefined ? [] : [{ route, header }];
    });
    const [first] = found;
    if (first === undefined) continue;
    const place = places.route(first.route);
    if (place === undefined || reported.has(first.route.name)) continue;
    reported.add(first.route.name);
    const isAll = found.length === host.routes.length;
    const message = messageOf(first.header, isAll, host, port);
    const rule = ruleRef(first.route.origin);
    report(isAll ? "warning" : "info", "UMB0320", place, message, { rule });
  }
}

function messageOf(header: string, isAll: boolean, { domains }: VirtualHost, port: number): string {
  const setter = setters.get(header);
  const elsewhere = setter === undefined ? "" : ` (${setter} does)`;
  const where = `${domains.slice(0, 3).join(", ")} on port ${port}`;
  const what = isAll
    ? `all routes of ${where} need the header ${header}, so requests without it get 404`
    : `a route of ${where} needs the header ${header}, so requests without it use another route or get 404`;
  return `${what}: Umbra does not set it from the body${elsewhere}; clients or a proxy in front of Envoy must`;
}

/** Returns the header with the model that the route needs, if any. */
function modelHeaderOf({ match }: Route): string | undefined {
  return match.headers.find(
    ({ name }) => setters.has(name) || /(?:^|-)model(?:-name|-id)?$/.test(name),
  )?.name;
}
