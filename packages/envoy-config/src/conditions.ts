import type {
  ConditionReason,
  ConditionType,
  ResourceName,
  StatusCondition,
} from "./diagnostic.ts";
import { resourceName } from "./resource-ref.ts";

/** What a controller would set in a resource's status: of its types some are bad news where they are true, the others where they are false. */
export function conditionOf(
  { kind, namespace, name }: ResourceName,
  type: ConditionType,
  reason: ConditionReason,
): StatusCondition {
  const status = type === "Accepted" || type === "ResolvedRefs" ? "False" : "True";
  // Of the resource alone: a route or Gateway has more fields.
  return { resource: { kind, namespace, name }, type, status, reason };
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
