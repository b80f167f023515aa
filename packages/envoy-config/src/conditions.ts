import type {
  ConditionReason,
  ConditionType,
  ResourceName,
  StatusCondition,
} from "./diagnostic.ts";
import { resourceName } from "./resource-ref.ts";

/** What a controller would set: the resource, or a part of it, is not taken. */
export function notAccepted(resource: ResourceName, reason: ConditionReason): StatusCondition {
  return conditionOf(resource, "Accepted", "False", reason);
}

/** A reference of the resource leads nowhere, or may not be followed. */
export function refsNotResolved(resource: ResourceName, reason: ConditionReason): StatusCondition {
  return conditionOf(resource, "ResolvedRefs", "False", reason);
}

/** Some rules of a route, by index, are dropped, and the others served: set beside Accepted=True. */
export function partiallyInvalid(
  resource: ResourceName,
  rules: readonly number[],
): StatusCondition {
  const shown = rules.slice(0, 10).join(", ");
  return {
    ...conditionOf(resource, "PartiallyInvalid", "True", "UnsupportedValue"),
    // The API asks for this beginning.
    message: `Dropped Rule ${shown}${rules.length > 10 ? " and more" : ""}`,
  };
}

/** A listener of a Gateway is not served as it stands. */
export function listenerNotAccepted(
  gateway: ResourceName,
  listener: string,
  reason: ConditionReason,
): StatusCondition {
  return { ...notAccepted(gateway, reason), listener };
}

/** A reference of a listener leads nowhere, or may not be followed. */
export function listenerRefsNotResolved(
  gateway: ResourceName,
  listener: string,
  reason: ConditionReason,
): StatusCondition {
  return { ...refsNotResolved(gateway, reason), listener };
}

/** Two listeners claim the same port and hostname, or one port for two protocols. */
export function conflicted(
  gateway: ResourceName,
  listener: string,
  reason: "HostnameConflict" | "ProtocolConflict",
): StatusCondition {
  return { ...conditionOf(gateway, "Conflicted", "True", reason), listener };
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

/** The resource alone: a route or Gateway has more fields. */
function conditionOf(
  { kind, namespace, name }: ResourceName,
  type: ConditionType,
  status: StatusCondition["status"],
  reason: ConditionReason,
): StatusCondition {
  return { resource: { kind, namespace, name }, type, status, reason };
}
