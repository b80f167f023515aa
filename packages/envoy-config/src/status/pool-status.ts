import { defined } from "@umbra/shadow/defined";
import { compare } from "../compare.ts";
import type { JsonMap } from "../json-map.ts";
import { byResource, groupByResource, ResourceMap } from "../resource-map.ts";
import type { ResourceRef } from "../resource-ref.ts";
import { controllerName } from "../resources/own-gateways.ts";
import type { BackendRef, HttpRoute, InferencePool } from "../resources/resources.ts";
import { condition, good, toldCondition } from "./condition.ts";
import type { ObjectStatus, StatusSources } from "./status-facts.ts";

/** Version 1 of InferencePools. The one before has another form of status, which is not written. */
const group = "inference.networking.k8s.io";

/** Returns the statuses of the InferencePools: an entry for each Gateway with a route to the pool. */
export function poolStatuses(facts: StatusSources): readonly ObjectStatus[] {
  const users = usersOf(facts);
  return facts.resources.pools
    .filter((pool) => pool.group === group)
    .map((pool) => {
      const { namespace, name, generation } = pool;
      const told = facts.told.about({ kind: "InferencePool", namespace, name });
      const gateways = users.get(pool)?.values() ?? [];
      const entries = gateways
        .toSorted((a, b) => compare(a.namespace, b.namespace) || compare(a.name, b.name))
        .map((gateway) => parent(gateway, told));
      return {
        of: { group, kind: "InferencePool", namespace, name },
        ...defined({ generation }),
        own: {},
        shared: { field: "parents", key: "parentRef", entries, isRequired: false },
      };
    });
}

function parent(
  { namespace, name, isAccepted }: User,
  told: Parameters<typeof toldCondition>[0],
): JsonMap {
  const notAccepted = "no route to the pool is accepted by the Gateway";
  return {
    parentRef: { group: "gateway.networking.k8s.io", kind: "Gateway", namespace, name },
    controllerName,
    conditions: [
      isAccepted
        ? good("Accepted")
        : condition("Accepted", "False", "HTTPRouteNotAccepted", notAccepted),
      toldCondition(told, "ResolvedRefs") ?? good("ResolvedRefs"),
    ],
  };
}

/** A Gateway with a route to a pool. */
interface User extends ResourceRef {
  /** True: it accepts one. */
  isAccepted: boolean;
}

function usersOf({ resources, attachments }: StatusSources): ResourceMap<ResourceMap<User>> {
  const gateways = byResource(resources.gateways);
  const byRoute = groupByResource(attachments, ({ route }) => route);
  const users = new ResourceMap<ResourceMap<User>>();
  for (const route of resources.routes) {
    const pools = poolsOf(route);
    if (pools.length === 0) continue;
    for (const { parent, isAccepted } of byRoute.get(route) ?? []) {
      const { namespace, name } = parent.gateway;
      if (!gateways.has(parent.gateway)) continue;
      for (const pool of pools) {
        const ofPool = users.take(pool, () => new ResourceMap<User>());
        const user = ofPool.take(parent.gateway, () => ({ namespace, name, isAccepted: false }));
        user.isAccepted ||= isAccepted;
      }
    }
  }
  return users;
}

/** The pools that a route sends requests or copies to. */
function poolsOf({
  namespace,
  rules,
}: HttpRoute): readonly Pick<InferencePool, "namespace" | "name">[] {
  const refs = rules.flatMap(({ backends, mirrors }) => [
    ...backends,
    ...[...mirrors, ...backends.flatMap(({ routing }) => routing?.mirrors ?? [])].map(
      ({ backend }) => backend,
    ),
  ]);
  return refs
    .filter((ref: BackendRef) => ref.kind === "InferencePool" && ref.group === group)
    .map(({ name, namespace: of = namespace }) => ({ namespace: of, name }));
}
