import type {
  ConditionReason,
  ConditionType,
  ResourceName,
  StatusCondition,
} from "./diagnostic.ts";
import { resourceName } from "./resource-ref.ts";

/** What a controller would set: the resource, or a part of it, is not taken. */
export function notAccepted(resource: ResourceName, reason: ConditionReason): StatusCondition {
  return conditionOf(resource, "Accepted", reason);
}

/** A reference of the resource leads nowhere, or may not be followed. */
export function refsNotResolved(resource: ResourceName, reason: ConditionReason): StatusCondition {
  return conditionOf(resource, "ResolvedRefs", reason);
}

/** Some rules of a route, by index, are dropped, and the others served: set beside Accepted=True. */
export function partiallyInvalid(
  resource: ResourceName,
  rules: readonly number[],
): StatusCondition {
  const shown = rules.slice(0, 10).join(", ");
  return {
    ...conditionOf(resource, "PartiallyInvalid", "UnsupportedValue"),
    // The API asks for this beginning.
    message: `Dropped Rule ${shown}${rules.length > 10 ? " and more" : ""}`,
  };
}

/** Two listeners claim the same port and hostname, or one port for two protocols. */
export function conflicted(
  gateway: ResourceName,
  reason: "HostnameConflict" | "ProtocolConflict",
): StatusCondition {
  return conditionOf(gateway, "Conflicted", reason);
}

/** `HTTPRoute default/chat ResolvedRefs=False BackendNotFound`, and the condition's message where it has one. */
export function conditionText({
  resource,
  listener,
  type,
  status,
  reason,
  message,
}: StatusCondition): string {
  const whose = listener === undefined ? "" : ` listener ${listener}`;
  const detail = message === undefined ? "" : `: ${message}`;
  return `${resource.kind} ${resourceName(resource)}${whose} ${type}=${status} ${reason}${detail}`;
}

/** Of the resource alone: a route or Gateway has more fields. The types that are bad news are true, the others false. */
function conditionOf(
  { kind, namespace, name }: ResourceName,
  type: ConditionType,
  reason: ConditionReason,
): StatusCondition {
  const status = type === "Accepted" || type === "ResolvedRefs" ? "False" : "True";
  return { resource: { kind, namespace, name }, type, status, reason };
}
