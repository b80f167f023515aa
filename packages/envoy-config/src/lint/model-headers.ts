import { hostsOf } from "../queries.ts";
import { ruleRef } from "../resolve/rule-of-route.ts";
import type { Report } from "../resources/report.ts";
import type { Route, VirtualHost } from "../topology.ts";
import type { LintInput } from "./lint-input.ts";

/** Headers that other gateways make of the model in a request's body, and what makes them there. */
const setters: ReadonlyMap<string, string> = new Map([
  ["x-gateway-model-name", "the body-based router of the Inference Extension"],
  ["x-gateway-base-model-name", "the body-based router of the Inference Extension"],
  ["x-gateway-inference-model", "the body-based router of the Inference Extension"],
  ["x-ai-eg-model", "Envoy AI Gateway"],
]);

/** Routes by a header that names the model: Envoy chooses them before anything has read the body. */
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
  const elsewhere = setter === undefined ? "" : `, as ${setter} does elsewhere`;
  const where = `${domains.slice(0, 3).join(", ")} on port ${port}`;
  const what = isAll
    ? `every route of ${where} needs the header ${header}, so a request without it gets 404`
    : `a route of ${where} needs the header ${header}, so a request without it goes to another route, or gets 404`;
  return `${what}: Umbra does not set it from the body${elsewhere}, so clients or a proxy before Envoy must`;
}

/** The header that names the model, where the route needs one. */
function modelHeaderOf({ match }: Route): string | undefined {
  return match.headers.find(
    ({ name }) => setters.has(name) || /(?:^|-)model(?:-name|-id)?$/.test(name),
  )?.name;
}
