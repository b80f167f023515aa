import { classStatus } from "./class-status.ts";
import { gatewayStatuses } from "./gateway-status.ts";
import { policyStatus } from "./policy-status.ts";
import { poolStatuses } from "./pool-status.ts";
import { routeStatuses } from "./route-status.ts";
import type { LiveFacts, ObjectStatus, StatusFacts } from "./status-facts.ts";

/**
 * Returns the statuses of all objects of this controller. An InferencePool that no Gateway uses any more has an empty
 * list, and so has a route without a Gateway of this controller: what is left of their entries must be removed.
 */
export function statusesOf({ sources }: StatusFacts, live: LiveFacts): readonly ObjectStatus[] {
  const { gatewayClasses, policies } = sources.resources;
  return [
    ...gatewayClasses.map((each) => classStatus(each, live)),
    ...gatewayStatuses(sources, live),
    ...routeStatuses(sources, live),
    ...poolStatuses(sources),
    ...policies.map((each) => policyStatus(each, sources, live)),
  ];
}
