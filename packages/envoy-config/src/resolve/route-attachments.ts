import { defined } from "@umbra/shadow/defined";
import { conditionOf } from "../conditions.ts";
import type { Report } from "../resources/report.ts";
import type { HttpRoute, ParentRef } from "../resources/resources.ts";
import type { RouteAttachment } from "../route-attachment.ts";
import type { Attached, Attachment, Refusal } from "./attachments.ts";

/** A parentRef with what it attaches its route to. */
export interface AttachedParent extends Attached {
  readonly parent: ParentRef;
}

/** Returns what became of a route at each listener that a parentRef names. */
export function routeAttachments(
  { namespace, name, isBroken }: HttpRoute,
  { parent, verdicts, refusal }: AttachedParent,
  isServed: (at: Attachment) => boolean,
): readonly RouteAttachment[] {
  const of = {
    route: { namespace, name },
    parent: {
      gateway: { namespace: parent.namespace, name: parent.name },
      ...defined({ section: parent.sectionName, port: parent.port }),
    },
  };
  if (verdicts.length === 0 && refusal !== undefined) return [{ ...of, ...refused(refusal) }];
  return verdicts.map(({ at, refusal: own }) => {
    const listener = at.listener.name;
    if (own !== undefined) return { ...of, listener, ...refused(own) };
    if (isBroken) {
      const message = "the HTTPRoute has an error outside its rules";
      return { ...of, listener, ...refused({ reason: "UnsupportedValue", message }) };
    }
    const message = isServed(at) ? "the listener takes the route" : notServed;
    return { ...of, listener, isAccepted: true, reason: "Accepted", message };
  });
}

const notServed = "the listener takes the route, but has an error and is not served";

function refused({ reason, message }: Refusal) {
  return { isAccepted: false, reason, message };
}

/** Returns the listeners of a route, each once. Reports parentRefs that attach it to none. */
export function attachedListeners(
  route: HttpRoute,
  parents: readonly AttachedParent[],
  report: Report,
): readonly Attachment[] {
  const found = new Set<Attachment>();
  const refusals: (Refusal & Pick<ParentRef, "place">)[] = [];
  for (const { parent, verdicts, refusal } of parents) {
    if (refusal !== undefined) refusals.push({ ...refusal, place: parent.place });
    for (const each of verdicts) if (each.refusal === undefined) found.add(each.at);
  }
  const isReached = found.size > 0;
  const shown = `HTTPRoute "${route.name}" ${isReached ? "is not attached here" : "gets no requests"}`;
  const resource = { kind: "HTTPRoute", ...route };
  for (const { place, reason, message, ...remedy } of refusals) {
    // If another Gateway accepts the route, a Gateway outside the files is no reason for a warning.
    const isElsewhere = isReached && reason === "NoMatchingParent";
    report(isElsewhere ? "info" : "warning", "UMB0202", place, `${shown}: ${message}`, {
      ...remedy,
      condition: conditionOf(resource, "Accepted", reason),
    });
  }
  if (route.parents.length === 0) {
    report("warning", "UMB0202", route.place, `${shown}: it has no parentRefs to a Gateway`, {
      condition: conditionOf(resource, "Accepted", "NoMatchingParent"),
    });
  }
  return [...found];
}
