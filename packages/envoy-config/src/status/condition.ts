import type { ConditionType } from "../diagnostic.ts";
import type { Told } from "../resources/told-conditions.ts";

/** A condition without the time of its last change, and without the generation that it is about. */
export type Condition = {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
};

export function condition(
  type: string,
  status: Condition["status"],
  reason: string,
  message = "",
): Condition {
  return { type, status, reason, message: bounded(message) };
}

/** Messages quote names and Envoy's words. The API server takes 32,768 characters. */
const maxMessage = 1_024;

function bounded(message: string): string {
  // Where a text was cut, here or before, may be half of a character. The API server stores U+FFFD for it, and what is
  // stored would never equal what is wanted.
  return message.slice(0, maxMessage).replace(halfCharacters, "\ufffd");
}

/** With the flag `u`, only surrogates without the other half. */
const halfCharacters = /\p{Surrogate}/gu;

/** A condition that is true, with its own name as the reason. */
export function good(type: string): Condition {
  return condition(type, "True", type);
}

/** Returns the first of the findings as a condition of this type; undefined: there is none. */
export function toldCondition(
  told: readonly Told[],
  type: ConditionType,
  listener?: string,
): Condition | undefined {
  for (const { condition: found, message } of told) {
    if (found === undefined || found.type !== type || found.listener !== listener) continue;
    return condition(type, found.status, found.reason, found.message ?? message);
  }
  return undefined;
}
