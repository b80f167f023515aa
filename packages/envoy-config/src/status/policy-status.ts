import { defined } from "@umbra/shadow/defined";
import type { JsonMap } from "../json-map.ts";
import { resourceName } from "../resource-ref.ts";
import { controllerName } from "../resources/own-gateways.ts";
import type { ShadowPolicy } from "../resources/resources.ts";
import { type Condition, condition, good, toldCondition } from "./condition.ts";
import type { LiveFacts, ObjectStatus, StatusSources } from "./status-facts.ts";

/** Returns the status of a ShadowPolicy: what became of it at each target, and what its evaluation has found. */
export function policyStatus(
  policy: ShadowPolicy,
  { told }: Pick<StatusSources, "told">,
  { verdicts }: Pick<LiveFacts, "verdicts">,
): ObjectStatus {
  const { namespace, name, generation, targets } = policy;
  const about = told.about({ kind: "ShadowPolicy", namespace, name });
  const accepted: Condition = policy.isBroken
    ? condition("Accepted", "False", "Invalid", "the policy has an error: its mirrors are stopped")
    : (toldCondition(about, "Accepted") ?? good("Accepted"));
  const entries = targets.map(
    (target): JsonMap => ({
      ancestorRef: {
        group: "gateway.networking.k8s.io",
        kind: "HTTPRoute",
        ...{ namespace, name: target.name },
        ...defined({ sectionName: target.sectionName }),
      },
      controllerName,
      conditions: [accepted],
    }),
  );
  const found = verdicts.get(resourceName(policy));
  return {
    of: { group: "umbra.dev", kind: "ShadowPolicy", namespace, name },
    ...defined({ generation }),
    own: found === undefined ? {} : { evaluation: { ...found } },
    shared: { field: "ancestors", key: "ancestorRef", entries, isRequired: false },
  };
}
