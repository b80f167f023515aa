import type { ConditionReason } from "../diagnostic.ts";
import { didYouMean } from "../nearest.ts";
import { byResource } from "../resource-map.ts";
import { resourceName } from "../resource-ref.ts";
import { meets } from "../resources/label-selector.ts";
import type {
  Gateway,
  GatewayListener,
  HttpRoute,
  ParentRef,
  Resources,
} from "../resources/resources.ts";
import { intersectHostnames } from "./hostnames.ts";
import type { AttachedRoute } from "./virtual-hosts.ts";

/** A listener of a Gateway with its attached routes. */
export interface Attachment {
  readonly gateway: Gateway;
  readonly listener: GatewayListener;
  /** `*` for a listener without one. */
  readonly hostname: string;
  /** Secrets of the usable certificates, `<namespace>/<name>`. */
  readonly secrets: readonly string[];
  readonly attached: AttachedRoute[];
}

/** The reason why a parentRef attaches its route to no listener. */
export interface Refusal {
  readonly reason: ConditionReason;
  readonly message: string;
  readonly remedy?: string;
}

/** What a parentRef attaches its route to. */
export interface Attached {
  /** Every listener that it names. */
  readonly verdicts: readonly Verdict[];
  /** Why none of them takes the route; undefined if one does. */
  readonly refusal?: Refusal;
}

/** Whether a listener takes a route. */
export interface Verdict {
  readonly at: Attachment;
  /** Undefined: it takes the route. */
  readonly refusal?: Refusal;
}

/** Creates a function that finds the listeners to which a parentRef attaches its route. */
export function createAttacher(
  all: readonly Attachment[],
  { gateways, namespaces }: Resources,
): (route: HttpRoute, parent: ParentRef) => Attached {
  const byGateway = byResource(gateways);
  const byOwner = Map.groupBy(all, ({ gateway }) => gateway);
  const labels = new Map(namespaces.map((each) => [each.name, each.labels]));

  function isAllowed(route: HttpRoute, { gateway, listener }: Attachment): boolean {
    const { namespaces, takesHttpRoutes } = listener;
    if (!takesHttpRoutes) return false;
    if (namespaces.from === "Selector") {
      const own = labels.get(route.namespace) ?? {};
      return meets({ ...own, "kubernetes.io/metadata.name": route.namespace }, namespaces.selector);
    }
    return (
      namespaces.from === "All" ||
      (namespaces.from === "Same" && route.namespace === gateway.namespace)
    );
  }

  return (route, parent) => {
    const name = resourceName(parent);
    const gateway = byGateway.get(parent);
    if (gateway === undefined) {
      const message = `Gateway "${name}" is not among the resources`;
      const meant = didYouMean(name, gateways.map(resourceName), '"');
      return { verdicts: [], refusal: { reason: "NoMatchingParent", message, ...meant } };
    }
    const { sectionName, port } = parent;
    const named = (byOwner.get(gateway) ?? []).filter(
      ({ listener }) =>
        (sectionName ?? listener.name) === listener.name &&
        (port ?? listener.port) === listener.port,
    );
    if (named.length === 0) return { verdicts: [], refusal: noListener(gateway, parent) };
    const isKnown = labels.has(route.namespace);
    const verdicts = named.map((at): Verdict => {
      if (!isAllowed(route, at)) return { at, refusal: notAllowed(route, [at], isKnown) };
      const isMatching = intersectHostnames(at.hostname, route.hostnames).length > 0;
      return isMatching ? { at } : { at, refusal: notMatching([at]) };
    });
    if (verdicts.some(({ refusal }) => refusal === undefined)) return { verdicts };
    const allowed = verdicts.filter(({ refusal }) => refusal?.reason !== "NotAllowedByListeners");
    const refusal =
      allowed.length === 0
        ? notAllowed(route, named, isKnown)
        : notMatching(allowed.map(({ at }) => at));
    return { verdicts, refusal };
  };
}

function notMatching(allowed: readonly Attachment[]): Refusal {
  const hostnames = [...new Set(allowed.map(({ hostname }) => hostname))].join(", ");
  const message = `none of its hostnames matches the listener's (${hostnames})`;
  return { reason: "NoMatchingListenerHostname", message };
}

function notAllowed(
  route: HttpRoute,
  refusing: readonly Attachment[],
  isNamespaceKnown: boolean,
): Refusal {
  const names = refusing.map(({ listener }) => `"${listener.name}"`).join(", ");
  const message = refusing.every(({ listener }) => !listener.takesHttpRoutes)
    ? `listener ${names} does not accept HTTPRoutes`
    : `listener ${names} does not accept routes from namespace "${route.namespace}"`;
  const isSelected = refusing.some(({ listener }) => listener.namespaces.from === "Selector");
  return {
    reason: "NotAllowedByListeners",
    message,
    ...(isSelected && !isNamespaceKnown
      ? { remedy: `add the Namespace "${route.namespace}" with its labels to the files` }
      : {}),
  };
}

function noListener(gateway: Gateway, parent: ParentRef): Refusal {
  const wanted = [
    ...(parent.sectionName === undefined ? [] : [` named "${parent.sectionName}"`]),
    ...(parent.port === undefined ? [] : [` on port ${parent.port}`]),
  ].join("");
  const has = gateway.listeners.map(({ name, port }) => `${name} (${port})`).join(", ");
  const message = `Gateway "${resourceName(gateway)}" has no listener${wanted}; its listeners: ${has || "none"}`;
  return { reason: "NoMatchingParent", message };
}
