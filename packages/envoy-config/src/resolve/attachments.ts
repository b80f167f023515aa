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

/** A listener of a Gateway, and what is attached to it. */
export interface Attachment {
  readonly gateway: Gateway;
  readonly listener: GatewayListener;
  /** `*` for a listener without one. */
  readonly hostname: string;
  /** Of the certificates that can be used, `<namespace>/<name>`. */
  readonly secrets: readonly string[];
  readonly attached: AttachedRoute[];
}

/** Why a parentRef attaches its route to no listener. */
export interface Refusal {
  readonly reason: ConditionReason;
  readonly message: string;
  readonly remedy?: string;
}

/** The listeners that a route is attached to by one of its parentRefs. */
export function createAttacher(
  all: readonly Attachment[],
  { gateways, namespaces }: Resources,
): (route: HttpRoute, parent: ParentRef) => readonly Attachment[] | Refusal {
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
      const message = `Gateway "${name}" is not in the resources`;
      const meant = didYouMean(name, gateways.map(resourceName), '"');
      return { reason: "NoMatchingParent", message, ...meant };
    }
    const { sectionName, port } = parent;
    const named = (byOwner.get(gateway) ?? []).filter(
      ({ listener }) =>
        (sectionName ?? listener.name) === listener.name &&
        (port ?? listener.port) === listener.port,
    );
    if (named.length === 0) return noListener(gateway, parent);
    const allowed = named.filter((each) => isAllowed(route, each));
    if (allowed.length === 0) return notAllowed(route, named, labels.has(route.namespace));
    const matching = allowed.filter(
      ({ hostname }) => intersectHostnames(hostname, route.hostnames).length > 0,
    );
    if (matching.length > 0) return matching;
    const hostnames = [...new Set(allowed.map(({ hostname }) => hostname))].join(", ");
    const message = `none of its hostnames is one of the listener's: ${hostnames}`;
    return { reason: "NoMatchingListenerHostname", message };
  };
}

function notAllowed(
  route: HttpRoute,
  refusing: readonly Attachment[],
  isNamespaceKnown: boolean,
): Refusal {
  const names = refusing.map(({ listener }) => `"${listener.name}"`).join(", ");
  const message = refusing.every(({ listener }) => !listener.takesHttpRoutes)
    ? `listener ${names} takes no HTTPRoutes`
    : `listener ${names} takes no routes of namespace "${route.namespace}"`;
  const isSelected = refusing.some(({ listener }) => listener.namespaces.from === "Selector");
  return {
    reason: "NotAllowedByListeners",
    message,
    ...(isSelected && !isNamespaceKnown
      ? { remedy: `add Namespace "${route.namespace}" with its labels to the files` }
      : {}),
  };
}

function noListener(gateway: Gateway, parent: ParentRef): Refusal {
  const wanted = [
    ...(parent.sectionName === undefined ? [] : [` named "${parent.sectionName}"`]),
    ...(parent.port === undefined ? [] : [` of port ${parent.port}`]),
  ].join("");
  const has = gateway.listeners.map(({ name, port }) => `${name} (${port})`).join(", ");
  const message = `Gateway "${resourceName(gateway)}" has no listener${wanted}; it has ${has || "none"}`;
  return { reason: "NoMatchingParent", message };
}
