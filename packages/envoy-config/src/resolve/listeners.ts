import { notAccepted } from "../conditions.ts";
import type { ConditionReason } from "../diagnostic.ts";
import type { Report } from "../resources/reader.ts";
import type { Gateway, GatewayListener, HttpRoute, Resources } from "../resources/resources.ts";
import type { Listener } from "../topology.ts";
import { intersectHostnames } from "./hostnames.ts";
import { createPolicyResolver } from "./policies.ts";
import { compare, type PoolResolver } from "./pools.ts";
import { onListener, resolveRoutes } from "./routes.ts";
import { type AttachedRoute, ownerOf, virtualHosts } from "./virtual-hosts.ts";

export interface ListenerOptions {
  /** Ports by listener name. */
  readonly ports: ReadonlyMap<string, number>;
  readonly bindAddress: string;
}

interface Attachment {
  readonly gateway: Gateway;
  readonly listener: GatewayListener;
}

/** Attaches routes to listeners; those of one port become one, with a virtual host for each hostname. */
export function resolveListeners(
  resources: Resources,
  pools: PoolResolver,
  { ports, bindAddress }: ListenerOptions,
  report: Report,
): readonly Listener[] {
  const policies = createPolicyResolver(resources.policies, resources.routes, report);
  const all = resources.gateways.flatMap((gateway) =>
    gateway.listeners.map((listener): Attachment => ({ gateway, listener })),
  );
  const names = new Map<string, number>();
  for (const { listener } of all) names.set(listener.name, (names.get(listener.name) ?? 0) + 1);
  /** A name that two Gateways use is told apart by the Gateway's. */
  const nameOf = ({ gateway, listener }: Attachment) =>
    names.get(listener.name) === 1 ? listener.name : `${gateway.name}/${listener.name}`;

  const byPort = Map.groupBy(all, (each) => ports.get(nameOf(each)) ?? each.listener.port);
  const onPort = new Map(
    [...byPort.values()].flatMap((attachments) => {
      const hostnames = new Set(attachments.map(hostnameOf));
      return attachments.map((each) => [each, hostnames] as const);
    }),
  );

  const attachedTo = new Map<Attachment, AttachedRoute[]>(all.map((each) => [each, []]));
  for (const route of resources.routes) {
    const attached = all.filter((each) => isNamed(route, each) && isAllowed(route, each));
    const ranked = resolveRoutes(route, { pools, policies }, report);
    const domains = attached.flatMap((each) => {
      const routes = ranked.map((own) => onListener(own, each.listener.port));
      attachedTo.get(each)?.push({ hostnames: route.hostnames, routes });
      const hostname = hostnameOf(each);
      return intersectHostnames(hostname, route.hostnames).map((domain) => ({
        isOwn: ownerOf(domain, onPort.get(each) ?? new Set()) === hostname,
      }));
    });
    if (domains.some(({ isOwn }) => isOwn)) continue;
    if (domains.length > 0) {
      const message = `HTTPRoute "${route.name}" is reached by no request: listeners with more specific hostnames take all of its own`;
      report("warning", "UMB0302", route.place, message);
      continue;
    }
    const { reason, message } = whyUnreached(route, all);
    const condition = notAccepted({ kind: "HTTPRoute", ...route }, reason);
    report("warning", "UMB0202", route.place, message, { condition });
  }

  return [...byPort]
    .map(([port, attachments]): Listener => {
      const [first] = attachments;
      const name = first === undefined ? String(port) : nameOf(first);
      const hosted = attachments.map((each) => ({
        hostname: hostnameOf(each),
        attached: attachedTo.get(each) ?? [],
      }));
      return { name, address: bindAddress, port, virtualHosts: virtualHosts(name, hosted) };
    })
    .toSorted((a, b) => compare(a.name, b.name));
}

/** `*` for a listener without one. */
function hostnameOf({ listener }: Attachment): string {
  return listener.hostname ?? "*";
}

function isNamed(route: HttpRoute, { gateway, listener }: Attachment): boolean {
  return route.parents.some(
    ({ name, namespace, sectionName, port }) =>
      name === gateway.name &&
      namespace === gateway.namespace &&
      (sectionName === undefined || sectionName === listener.name) &&
      (port === undefined || port === listener.port),
  );
}

function isAllowed(route: HttpRoute, { gateway, listener }: Attachment): boolean {
  return (
    listener.from === "All" || (listener.from !== "None" && route.namespace === gateway.namespace)
  );
}

function whyUnreached(
  route: HttpRoute,
  all: readonly Attachment[],
): { readonly reason: ConditionReason; readonly message: string } {
  const shown = `HTTPRoute "${route.name}" is reached by no request`;
  const named = all.filter((each) => isNamed(route, each));
  if (named.some((each) => isAllowed(route, each))) {
    const message = `${shown}: none of its hostnames is one of the listener's`;
    return { reason: "NoMatchingListenerHostname", message };
  }
  if (named.length > 0) {
    const message = `${shown}: the listeners that its parentRefs name take no routes of namespace "${route.namespace}"`;
    return { reason: "NotAllowedByListeners", message };
  }
  const gateways = [...new Set(all.map(({ gateway }) => `${gateway.namespace}/${gateway.name}`))];
  const message = `${shown}: its parentRefs name no listener; there are the Gateways ${gateways.join(", ") || "none"}`;
  return { reason: "NoMatchingParent", message };
}
