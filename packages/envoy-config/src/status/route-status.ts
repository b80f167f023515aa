import { defined } from "@umbra/shadow/defined";
import { partiallyInvalid } from "../conditions.ts";
import type { JsonMap } from "../json-map.ts";
import { dropsRule } from "../resolve/dropped-rules.ts";
import { byResource, groupByResource } from "../resource-map.ts";
import { isSameResource, resourceName } from "../resource-ref.ts";
import { controllerName } from "../resources/own-gateways.ts";
import type { HttpRoute, ParentRef } from "../resources/resources.ts";
import type { Told } from "../resources/told-conditions.ts";
import type { RouteAttachment } from "../route-attachment.ts";
import { type Condition, condition, good, toldCondition } from "./condition.ts";
import type { LiveFacts, ObjectStatus, StatusSources } from "./status-facts.ts";

const group = "gateway.networking.k8s.io";

/** Returns the statuses of the HTTPRoutes. Each parentRef to a Gateway of this controller has an entry, as the route has it. */
export function routeStatuses(
  { resources, attachments, told }: StatusSources,
  { refusedRoutes }: LiveFacts,
): readonly ObjectStatus[] {
  const gateways = byResource(resources.gateways);
  const byRoute = groupByResource(attachments, ({ route }) => route);
  return resources.routes.map((route) => {
    const { namespace, name, generation } = route;
    const about = told.about({ kind: "HTTPRoute", namespace, name });
    const refusal = refusedRoutes.get(resourceName(route));
    const entries = route.parents
      .filter((parent) => gateways.has(parent))
      .map((parent) => {
        const own = (byRoute.get(route) ?? []).filter((each) => isOf(each, parent));
        const accepted = acceptedBy(own) ?? ofRoute(route, about, refusal);
        return {
          parentRef: verbatim(parent),
          controllerName,
          conditions: [
            accepted,
            toldCondition(about, "ResolvedRefs") ?? good("ResolvedRefs"),
            ...partly(route, about, accepted),
          ],
        } as JsonMap;
      });
    return {
      of: { group, kind: "HTTPRoute", namespace, name },
      ...defined({ generation }),
      own: {},
      shared: { field: "parents", key: "parentRef", entries, isRequired: true },
    };
  });
}

function isOf({ parent: named }: RouteAttachment, parent: ParentRef): boolean {
  return (
    isSameResource(named.gateway, parent) &&
    named.section === parent.sectionName &&
    named.port === parent.port
  );
}

/** Why no listener of a parent takes the route; undefined: one does. */
function acceptedBy(attachments: readonly RouteAttachment[]): Condition | undefined {
  if (attachments.some(({ isAccepted }) => isAccepted)) return undefined;
  const found =
    attachments.find(({ reason }) => reason === "NoMatchingListenerHostname") ?? attachments[0];
  return condition(
    "Accepted",
    "False",
    found?.reason ?? "NoMatchingParent",
    found?.message ?? "no listener takes the route",
  );
}

/** Whether the route itself is accepted: not if all its rules are dropped, or if Envoy refuses it. */
function ofRoute(route: HttpRoute, told: readonly Told[], refusal: string | undefined): Condition {
  if (refusal !== undefined) return condition("Accepted", "False", "UnsupportedValue", refusal);
  const dropped = droppedRules(route, told);
  if (dropped.length === 0 || dropped.length < route.rules.length) return good("Accepted");
  const [first] = told.filter(dropsRule);
  const reason = first?.condition?.reason ?? "UnsupportedValue";
  const about = first ?? told.find(({ severity, rule }) => severity === "error" && rule);
  return condition("Accepted", "False", reason, about?.message);
}

/** PartiallyInvalid, if some rules are dropped and others served. */
function partly(
  route: HttpRoute,
  told: readonly Told[],
  accepted: Condition,
): readonly Condition[] {
  const dropped = droppedRules(route, told);
  if (accepted.status !== "True" || dropped.length === 0) return [];
  const { type, status, reason, message } = partiallyInvalid(
    { kind: "HTTPRoute", ...route },
    dropped,
  );
  return [condition(type, status, reason, message)];
}

/** Rules that are not served as they are written. An API server without the newest checks lets through what can't be read. */
function droppedRules({ rules }: HttpRoute, told: readonly Told[]): readonly number[] {
  const indexes = told.flatMap((each) => (dropsRule(each) ? (each.rule?.index ?? []) : []));
  const unread = rules.flatMap(({ isBroken, hasBrokenMatch }, index) =>
    isBroken || hasBrokenMatch ? [index] : [],
  );
  return [...new Set([...indexes, ...unread])].toSorted((a, b) => a - b);
}

/** The parentRef as the route has it, with the API's defaults. */
function verbatim({ kind, name, givenNamespace, sectionName, port }: ParentRef): JsonMap {
  return {
    group,
    kind,
    ...defined({ namespace: givenNamespace }),
    name,
    ...defined({ sectionName, port }),
  };
}
