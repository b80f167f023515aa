import type {
  ConditionReason,
  ConditionType,
  ResourceName,
  StatusCondition,
} from "./diagnostic.ts";
import { resourceName } from "./resource-ref.ts";

/** Creates the condition that a controller would set in a resource's status. Some types report a problem with `True`, the others with `False`. */
export function conditionOf(
  { kind, namespace, name }: ResourceName,
  type: ConditionType,
  reason: ConditionReason,
): StatusCondition {
  const status = type === "PartiallyInvalid" || type === "Conflicted" ? "True" : "False";
  // Copies only the reference: a route or Gateway has more fields.
  return { resource: { kind, namespace, name }, type, status, reason };
}

/** The condition of a route of which some rules (by index) are dropped and the others served. Set in addition to Accepted=True. */
export function partiallyInvalid(
  resource: ResourceName,
  rules: readonly number[],
): StatusCondition {
  const shown = rules.slice(0, 10).join(", ");
  return {
    ...conditionOf(resource, "PartiallyInvalid", "UnsupportedValue"),
    // The API requires the message to start like this.
    message: `Dropped Rule ${shown}${rules.length > 10 ? " and more" : ""}`,
  };
}

/** Formats a condition: `HTTPRoute default/chat ResolvedRefs=False BackendNotFound`, followed by its message if it has one. */
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
