import { expect, test } from "@jest/globals";
import { readTopology, renderBootstrap } from "@umbra/envoy-config";
import fc from "fast-check";
import { propertyRuns } from "../../../testing/property-runs.ts";
import { chosenRoute, virtualHostsOf } from "./envoy-evaluator.ts";
import { requests, resourcesText, type World, worlds } from "./random-routes.ts";
import { chosenRule, type RefRequest } from "./reference-matcher.ts";

test("the rendered routes choose as the Gateway API requires, for every request", () => {
  fc.assert(
    fc.property(
      worlds,
      fc.array(requests, { minLength: 1, maxLength: 40, size: "max" }),
      (world, all) => {
        const hosts = rendered(world);
        for (const request of all) {
          expect([request, chosen(hosts, request)]).toEqual([
            request,
            chosenRule(world.listeners, world.routes, request),
          ]);
        }
      },
    ),
    { numRuns: propertyRuns(8, 100) },
  );
});

function rendered(world: World) {
  const { topology, diagnostics } = readTopology([{ name: "r", text: resourcesText(world) }]);
  expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
  return virtualHostsOf(renderBootstrap(topology));
}

/** Returns the rule and backend of the route that Envoy uses, from the route's name. */
function chosen(hosts: ReturnType<typeof rendered>, request: RefRequest): string | undefined {
  return chosenRoute(hosts.get(request.port) ?? [], request)?.replace(/\/\d+(?=-|$)(?!.*\/)/, "");
}
